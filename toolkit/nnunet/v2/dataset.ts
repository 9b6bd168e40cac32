import { z } from 'zod';
import { type Decision, MOST_CHANNELS } from '../model-card.ts';
import { invalid, parse, unsupported } from './plans.ts';

/** Masks have 8 bits, and 255 means a pixel that was not predicted. */
const MAX_VALUE = 254;

const Label = z.int().min(0).max(MAX_VALUE, `expected at most ${MAX_VALUE}: masks have 8 bits`);
const Dataset = z.object({
  channel_names: z.record(z.string(), z.string()).optional(),
  modality: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.union([Label, z.array(Label).min(1)])),
  regions_class_order: z.array(Label).nullish(),
});

/** The content of a dataset.json that affects predictions. */
export interface V2Dataset {
  readonly channels: number;
  /** Output channels of the network. */
  readonly outputs: number;
  readonly decision: Decision;
  /** Names of the values of a mask. */
  readonly labels: readonly { readonly value: number; readonly name: string }[];
}

/**
 * Reads labels or regions and channels of an nnU-Net v2 data set.
 *
 * As in nnU-Net, masks contain the *index* of a label in the sorted list. Without gaps, that is the label itself.
 *
 * @param json - Content of dataset.json.
 * @throws ReigniteError PLANS_INVALID naming the field; CHECKPOINT_UNSUPPORTED for more than 4 channels.
 * @see `LabelManager`, nnU-Net v2
 */
export function parseV2Dataset(json: unknown, file: string): V2Dataset {
  const { labels, regions_class_order: order, ...rest } = parse(Dataset, json, file, '');
  const names = rest.modality ?? rest.channel_names;
  if (names === undefined) throw invalid(file, 'channel_names', 'missing');
  const channels = Object.keys(names).length;
  if (channels === 0) throw invalid(file, 'channel_names', 'expected at least one channel');
  if (channels > MOST_CHANNELS) {
    throw unsupported(
      file,
      `the network has ${channels} input channels (${Object.values(names).slice(0, 6).join(', ')})`,
      `Supported are models with 1 to ${MOST_CHANNELS} channels.`,
    );
  }
  const { background } = labels;
  if (background !== 0) throw invalid(file, 'labels.background', 'expected 0');
  const named = Object.entries(labels).filter(([name]) => name !== 'ignore');
  const isRegional = named.some(([, value]) => Array.isArray(value) && value.length > 1);
  return { channels, ...(isRegional ? regionsOf(named, order ?? undefined, file) : labelsOf(named)) };
}

type NamedLabels = readonly (readonly [name: string, value: number | readonly number[]])[];
type Outcome = Omit<V2Dataset, 'channels'>;

function labelsOf(named: NamedLabels): Outcome {
  const first = new Map<number, string>();
  for (const [name, value] of named) {
    for (const each of [value].flat()) if (!first.has(each)) first.set(each, name);
  }
  const sorted = [...first].sort(([a], [b]) => a - b);
  return {
    outputs: sorted.length,
    decision: { kind: 'logits' },
    labels: sorted.map(([, name], value) => ({ value, name })),
  };
}

function regionsOf(named: NamedLabels, order: readonly number[] | undefined, file: string): Outcome {
  const regions = named.filter(([, value]) => [value].flat().some((each) => each !== 0));
  if (order?.length !== regions.length) {
    throw invalid(file, 'regions_class_order', `expected ${regions.length} values, one per region`);
  }
  const background = named.find(([, value]) => value === 0)?.[0] ?? 'background';
  const labels = new Map([[0, background]]);
  for (const [index, [name]] of regions.entries()) labels.set(order[index] ?? 0, name);
  return {
    outputs: regions.length,
    decision: { kind: 'regions', values: [...order] },
    labels: [...labels].map(([value, name]) => ({ value, name })),
  };
}
