import { TASKS, TISSUE_TASKS } from '../../../config/tasks.ts';
import { counted } from '../../format.ts';
import { type DiscrepancyEntry, entryOf } from './discrepancies-file.ts';

/** A mask file of the tissue task, by what its values are. */
export interface LookedMask {
  /** Relative to the data folder. */
  readonly path: string;
  /** `negated`: every value that is not 0 is 256 minus a label. */
  readonly values: 'labels' | 'negated' | 'other';
}

/** Tells from the values of a mask whether they are labels, 0 to `labels` - 1, or these negated in a byte. */
export function maskValues(counts: readonly number[], labels: number): LookedMask['values'] {
  const present = counts.flatMap((count, value) => (count > 0 && value !== 0 ? [value] : []));
  if (present.every((value) => value < labels)) return 'labels';
  return present.every((value) => value > 256 - labels) ? 'negated' : 'other';
}

/**
 * Masks without context that hold (256 - label) mod 256, as those of the first version of the IGNITE record do. The
 * evaluation reads the masks with context; training on the others as they are would learn other labels.
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

/** Images with an alpha channel, which the networks do not see. */
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

/** ROIs as the paper counts them, by the folder of their images. */
const PAPER_ROIS: Readonly<Record<string, number>> = { he: 408, 'pdl1/pdl1': 344, 'pdl1/nuclei': 135 };

/**
 * The numbers of ROIs in the paper against the overview.
 *
 * @param found - Rows of the overview by the folder of their images.
 * @see arXiv 2507.16855
 */
export function paperCountsEntry(found: ReadonlyMap<string, number>): DiscrepancyEntry {
  const compared = Object.entries(PAPER_ROIS).map(([folder, paper]) => ({
    folder,
    paper,
    here: found.get(folder) ?? 0,
  }));
  const total = (side: 'paper' | 'here') => compared.reduce((sum, count) => sum + count[side], 0);
  const isEqual = compared.every(({ paper, here }) => paper === here);
  return entryOf(
    {
      id: 'paper-counts',
      title: 'Numbers of ROIs in the paper and in the record',
      what: 'The paper counts 887 ROIs: 408 for H&E segmentation, 344 for PD-L1 and 135 for nuclei detection.',
      where: 'data_overview.csv',
      tasks: [...TASKS],
    },
    {
      status: isEqual ? 'no effect here' : 'affects the record',
      effect: `The overview lists ${total('here')} of ${total('paper')}: ${compared.map(({ folder, paper, here }) => `${folder} ${here} of ${paper}`).join(', ')}.`,
    },
  );
}
