import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { decodeUtf8, parseRecordJson, readRecordFile } from '../files/text-file.ts';
import { withoutStop } from '../format.ts';

/** Red, green, blue, each 0..255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** A tissue label, one of the values of an H&E mask. */
export interface TissueLabel {
  /** Pixel value. */
  readonly value: number;
  readonly name: string;
  readonly colour: Rgb;
}

/** A label of the full set, with its label in the TIL use case. */
interface HeLabel extends TissueLabel {
  /** Value in {@link TIL_LABELS}. */
  readonly til: number;
}

/**
 * The 17 labels of the H&E masks, at the index of their value.
 *
 * Names, colours and the mapping are those of `evaluation.py`; `he_label_map.json` in the record calls class 2
 * "Tumor epithelium".
 */
export const HE_LABELS = [
  { value: 0, name: 'Unannotated', colour: [0, 0, 0], til: 0 },
  { value: 1, name: 'Background', colour: [255, 255, 255], til: 1 },
  { value: 2, name: 'Tumor cells', colour: [0, 253, 255], til: 2 },
  { value: 3, name: 'Reactive epithelium', colour: [0, 249, 0], til: 6 },
  { value: 4, name: 'Stroma', colour: [255, 251, 0], til: 3 },
  { value: 5, name: 'Inflammation', colour: [255, 147, 0], til: 3 },
  { value: 6, name: 'Alveolar tissue', colour: [255, 47, 146], til: 6 },
  { value: 7, name: 'Fatty tissue', colour: [148, 55, 255], til: 6 },
  { value: 8, name: 'Necrotic tissue', colour: [1, 25, 147], til: 4 },
  { value: 9, name: 'Erythrocytes', colour: [255, 38, 0], til: 6 },
  { value: 10, name: 'Bronchial epithelium', colour: [0, 143, 0], til: 6 },
  { value: 11, name: 'Mucus/Plasma/Fluids', colour: [146, 144, 0], til: 6 },
  { value: 12, name: 'Cartilage/Bone', colour: [169, 169, 169], til: 6 },
  { value: 13, name: 'Macrophages', colour: [83, 27, 147], til: 5 },
  { value: 14, name: 'Muscle', colour: [255, 126, 121], til: 6 },
  { value: 15, name: 'Liver', colour: [215, 131, 255], til: 6 },
  { value: 16, name: 'Keratinization', colour: [148, 23, 81], til: 6 },
] as const satisfies readonly HeLabel[];

/**
 * The 7 labels of the paper's use case of tumour-infiltrating lymphocytes, at the index of their value. Those that are a
 * single label of the full set have its colour.
 */
export const TIL_LABELS = [
  { value: 0, name: 'Unannotated', colour: HE_LABELS[0].colour },
  { value: 1, name: 'Background', colour: HE_LABELS[1].colour },
  { value: 2, name: 'Tumor cells', colour: HE_LABELS[2].colour },
  { value: 3, name: 'Stroma and Inflammation', colour: [255, 199, 0] },
  { value: 4, name: 'Necrotic tissue', colour: HE_LABELS[8].colour },
  { value: 5, name: 'Macrophages', colour: HE_LABELS[13].colour },
  { value: 6, name: 'Rest', colour: [180, 180, 180] },
] as const satisfies readonly TissueLabel[];

/** Mask values beyond the labels, such as the stray 255 of patient69_he_roi3, are drawn in this grey. */
export const NO_LABEL_COLOUR: Rgb = [128, 128, 128];

/** A label of the H&E masks with its name in the record. */
export interface MappedLabel {
  readonly value: number;
  readonly name: string;
}

const LARGEST_BYTE = 255;

function labelMap(largest: number) {
  return z
    .record(z.string().min(1), z.int().min(0).max(largest))
    .refine((map) => Object.keys(map).length > 0, 'expected at least one label');
}

/**
 * Reads he_label_map.json, an object from names to pixel values.
 *
 * @param largest - The largest value that is allowed. Default: 255.
 * @returns The labels, sorted by value. No value and no name occurs twice.
 * @throws ReigniteError LABEL_MAP_INVALID naming the label; FILE_MISSING.
 */
export async function readLabelMap(path: string, largest = LARGEST_BYTE): Promise<readonly MappedLabel[]> {
  const text = decodeUtf8(await readRecordFile(path), path, 'LABEL_MAP_INVALID');
  const parsed = labelMap(largest).safeParse(parseRecordJson(text, path, 'LABEL_MAP_INVALID'));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const place = issue?.path.length ? `label "${issue.path.join('.')}"` : 'the map';
    const cause = `${path}: ${place}: ${withoutStop(issue?.message ?? 'not understood')}.`;
    throw new ReigniteError('LABEL_MAP_INVALID', cause, { cause: parsed.error });
  }
  const twice = repeatedKey(text);
  if (twice !== undefined) throw new ReigniteError('LABEL_MAP_INVALID', `${path}: "${twice}" occurs twice.`);
  const labels = Object.entries(parsed.data).map(([name, value]) => ({ value, name }));
  labels.sort((a, b) => a.value - b.value);
  for (const [k, { value, name }] of labels.entries()) {
    const next = labels[k + 1];
    if (next?.value === value) {
      throw new ReigniteError(
        'LABEL_MAP_INVALID',
        `${path}: "${name}" and "${next.name}" both have the value ${value}.`,
      );
    }
  }
  return labels;
}

const KEY = /("(?:[^"\\]|\\.)*")\s*:/g;

/** Returns a key that a flat JSON object has twice: parsing would keep only its last value. */
function repeatedKey(text: string): string | undefined {
  const keys = [...text.matchAll(KEY)].map(([, key = '""']) => String(JSON.parse(key)));
  return keys.find((key, at) => keys.indexOf(key) !== at);
}

/** Label of the paper for each of the 256 values of a mask; undefined for a value without a label. */
export type LabelTranslation = readonly (number | undefined)[];

/** The record's label map has another name for class 2 than the authors' evaluation. */
const OTHER_NAMES: ReadonlyMap<string, number> = new Map([['tumor epithelium', 2]]);

/**
 * Reads which mask values a model uses for the labels: a JSON object from the paper's names to values.
 *
 * @throws ReigniteError LABEL_MAP_INVALID naming every label that is not one of the paper's, or two names of one label;
 *   FILE_MISSING.
 */
export async function readLabelTranslation(path: string): Promise<LabelTranslation> {
  const translation: (number | undefined)[] = Array.from({ length: 256 }, () => undefined);
  const unknown: string[] = [];
  const named = new Map<number, string>();
  for (const { name, value } of await readLabelMap(path)) {
    const label = labelNamed(name);
    if (label === undefined) {
      unknown.push(name);
      continue;
    }
    const other = named.get(label);
    if (other !== undefined) {
      throw new ReigniteError('LABEL_MAP_INVALID', `${path}: "${other}" and "${name}" name the same label.`, {
        remedy: 'Keep the one name whose value the masks use for the label.',
      });
    }
    named.set(label, name);
    translation[value] = label;
  }
  if (unknown.length === 0) return translation;
  throw new ReigniteError('LABEL_MAP_INVALID', `${path} contains unknown labels: ${unknown.join(', ')}.`, {
    remedy: `Use these names: ${HE_LABELS.map(({ name }) => name).join(', ')}.`,
  });
}

/** Returns the label of the paper with a name, ignoring case; undefined if there is none. */
export function labelNamed(name: string): number | undefined {
  const wanted = name.toLowerCase();
  return HE_LABELS.find((label) => label.name.toLowerCase() === wanted)?.value ?? OTHER_NAMES.get(wanted);
}

/** Translates a mask to the paper's labels; values without one become 255, which is not a label. */
export function translateLabels(labels: Uint8Array, translation: LabelTranslation): Uint8Array {
  return labels.map((value) => translation[value] ?? 255);
}
