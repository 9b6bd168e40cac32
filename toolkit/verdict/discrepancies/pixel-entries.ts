import { TASKS, TISSUE_TASKS } from '../../../config/tasks.ts';
import { counted } from '../../format.ts';
import { type DiscrepancyEntry, entryOf } from './discrepancies-file.ts';

/** A mask file of the tissue task, and what its values are. */
export interface LookedMask {
  /** Relative to the data folder. */
  readonly path: string;
  /** `negated`: every value other than 0 is 256 minus a label. */
  readonly values: 'labels' | 'negated' | 'other';
}

/**
 * Determines whether the values of a mask are labels, 0 to `labels` - 1, or labels negated in a byte.
 *
 * @param counts - Pixels by value, 0 to 255.
 */
export function maskValues(counts: readonly number[], labels: number): LookedMask['values'] {
  const present = counts.flatMap((count, value) => (count > 0 && value !== 0 ? [value] : []));
  if (present.every((value) => value < labels)) return 'labels';
  return present.every((value) => value > 256 - labels) ? 'negated' : 'other';
}

/**
 * Lists masks without context that hold (256 - label) mod 256, as in the first version of the IGNITE record. The
 * evaluation reads the masks with context; training on the others without decoding them would learn wrong labels.
 */
export function negatedMasksEntry(masks: readonly LookedMask[]): DiscrepancyEntry {
  const negated = masks.filter(({ values }) => values === 'negated').map(({ path }) => path);
  return entryOf(
    {
      id: 'negated-masks',
      title: 'Masks without context are stored negated',
      what:
        'Their values are 256 minus the label. The evaluation reads the masks with context and is not affected; ' +
        'to train on these masks, use (256 - value) mod 256.',
      where: 'annotations/he/',
      tasks: [...TISSUE_TASKS],
    },
    {
      status: negated.length === 0 ? 'no effect here' : 'affects the record',
      effect: `${negated.length} of ${counted(masks.length, 'mask')} without context ${negated.length === 1 ? 'is' : 'are'} negated.`,
      affected: negated,
    },
  );
}

/** Lists images with an alpha channel, which the networks do not see. */
export function alphaImagesEntry(
  images: readonly { readonly path: string; readonly hasAlpha: boolean }[],
): DiscrepancyEntry {
  const affected = images.filter(({ hasAlpha }) => hasAlpha).map(({ path }) => path);
  return entryOf(
    {
      id: 'images-with-alpha',
      title: 'Images with an alpha channel',
      what: 'PNG images are RGBA instead of RGB. The alpha channel is dropped and never blended, as the authors do.',
      where: 'images/',
      tasks: [...TASKS],
    },
    {
      status: affected.length === 0 ? 'no effect here' : 'affects the record',
      effect: `${affected.length} of ${counted(images.length, 'PNG image')} ${affected.length === 1 ? 'has' : 'have'} an alpha channel.`,
      affected,
    },
  );
}

/** A mask file with context of the tissue task, with the number of pixels of each value that is not a label. */
export interface StrayMask {
  /** Relative to the data folder. */
  readonly path: string;
  readonly split: string;
  readonly strays: ReadonlyMap<number, number>;
}

/** Returns the values of a mask that are not labels, 0 to `labels` - 1, with their number of pixels. */
export function strayValues(counts: readonly number[], labels: number): ReadonlyMap<number, number> {
  return new Map([...counts.entries()].filter(([value, count]) => value >= labels && count > 0));
}

/** Lists the masks with context, in train and test, that hold values above the labels. */
export function strayFilesEntry(masks: readonly StrayMask[]): DiscrepancyEntry {
  const stray = masks.filter(({ strays }) => strays.size > 0);
  const test = stray.filter(({ split }) => split === 'test').length;
  return entryOf(
    {
      id: 'stray-value-files',
      title: 'Mask files with values that are not labels',
      what: 'Masks with context hold values above 16, such as a single 255. To train on them, leave such pixels out.',
      where: 'annotations/he/*_with_context.png',
      tasks: [...TISSUE_TASKS],
    },
    {
      status: stray.length === 0 ? 'no effect here' : 'affects the record',
      effect:
        `${stray.length} of ${counted(masks.length, 'mask')} with context ${stray.length === 1 ? 'holds' : 'hold'} ` +
        `such values, ${test} of them in the test set.`,
      affected: stray.map(({ path, strays }) => `${path}: ${straysText(strays)}`),
    },
  );
}

function straysText(strays: ReadonlyMap<number, number>): string {
  return [...strays].map(([value, pixels]) => `${value} in ${counted(pixels, 'pixel')}`).join(', ');
}
