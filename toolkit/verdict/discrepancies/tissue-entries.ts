import { TISSUE_TASKS } from '../../../config/tasks.ts';
import { HE_LABELS, type MappedLabel } from '../../dataset/tissue-labels.ts';
import { counted } from '../../format.ts';
import type { ConfusionMatrix } from '../../metrics/confusion-matrix.ts';
import { type DiceScores, diceWithBackground, diceWithUnannotatedMissed } from '../../metrics/dice.ts';
import { diceScores, type EvaluationScope, sumOfConfusions } from '../../metrics/he-metrics.ts';
import { tileStarts } from '../../nnunet/sliding-window/tile-grid.ts';
import { type CorrectedNumber, type DiscrepancyEntry, entryOf, largestChange } from './discrepancies-file.ts';

const BACKGROUND = 1;
const EVALUATION = 'code/he_segmentation/evaluation.py';

/** An H&E ROI as the discrepancy report sees it. */
export interface TissueRoi {
  readonly roi: string;
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  /** 17 x 17, ground truth and our mask. */
  readonly confusion: ConfusionMatrix;
}

/** Describes that true Background is cleared as a row and kept as a column. */
export function backgroundEntry(total: ConfusionMatrix): DiscrepancyEntry {
  const corrected = compared(diceScores(total, HE_LABELS), diceWithBackground(total));
  const ofTissue = corrected.filter(({ name }) => name !== HE_LABELS[BACKGROUND].name);
  const lost = total.rowSum(BACKGROUND) - total.at(BACKGROUND, 0);
  return entryOf(
    {
      id: 'background-in-dice',
      title: 'Background counts in Dice as a prediction, not as ground truth',
      what:
        'Before Dice is computed, the row of true Background is set to 0 and its column is kept: tissue predicted as ' +
        'Background is a miss, Background predicted as tissue is not a false positive, and Background itself scores 0.',
      where: EVALUATION,
      tasks: [...TISSUE_TASKS],
    },
    {
      status: lost === 0 ? 'no effect here' : 'affects results',
      effect:
        `${counted(lost, 'pixel')} of true Background ${lost === 1 ? 'is' : 'are'} left out; ` +
        `counting them changes the Dice of a tissue by up to ${largestChange(ofTissue).toFixed(4)}.`,
      corrected,
    },
  );
}

/** Describes tissue pixels that are predicted as Unannotated. */
export function unannotatedEntry(total: ConfusionMatrix): DiscrepancyEntry {
  const vanished = total
    .toRows()
    .slice(1)
    .reduce((sum, row) => sum + (row[0] ?? 0), 0);
  const corrected = compared(diceScores(total, HE_LABELS), diceWithUnannotatedMissed(total));
  return entryOf(
    {
      id: 'predicted-unannotated',
      title: 'A tissue pixel predicted as Unannotated is dropped',
      what: 'The row and column of label 0 are both dropped, so such a pixel does not count as missed for its class.',
      where: EVALUATION,
      tasks: [...TISSUE_TASKS],
    },
    {
      status: vanished === 0 ? 'no effect here' : 'affects results',
      effect:
        `${counted(vanished, 'annotated pixel is', 'annotated pixels are')} predicted as Unannotated; ` +
        `counted as misses, they change a Dice by up to ${largestChange(corrected).toFixed(4)}.`,
      corrected,
    },
  );
}

/** Describes pixels whose ground truth is not a label, such as the 255 of patient69_he_roi3. */
export function strayEntry(rois: readonly TissueRoi[], scope: EvaluationScope): DiscrepancyEntry {
  const stray = rois
    .map(({ roi, width, height, confusion }) => ({ roi, pixels: width * height - confusion.total() }))
    .filter(({ pixels }) => pixels > 0);
  const pixels = stray.reduce((sum, each) => sum + each.pixels, 0);
  const isKnown = scope === 'full';
  return entryOf(
    {
      id: 'stray-values',
      title: 'Masks hold values that are not labels (the stray 255)',
      what: 'Such pixels are left out of every count, but the figure of the ROI is cropped as if they were tissue.',
      where: 'annotations/he/*_with_context.png',
      tasks: [...TISSUE_TASKS],
    },
    {
      status: !isKnown ? 'not measured' : pixels === 0 ? 'no effect here' : 'affects the record',
      effect: isKnown
        ? `${counted(pixels, 'pixel')} in ${counted(stray.length, 'ROI')} ${pixels === 1 ? 'is' : 'are'} left out of all counts.`
        : 'With `he.scope=annotated`, pixels without an annotation are left out on purpose; stray values cannot be distinguished from them.',
      affected: isKnown ? stray.map(({ roi }) => roi) : [],
    },
  );
}

/** Compares the label map of the record with the names in the authors' code. */
export function labelNameEntry(map: readonly MappedLabel[] | undefined): DiscrepancyEntry {
  const named = map ?? [];
  const other = named.filter(({ value, name }) => HE_LABELS.find((label) => label.value === value)?.name !== name);
  return entryOf(
    {
      id: 'label-names',
      title: 'A class has two names ("Tumor epithelium", "Tumor cells")',
      what: 'The label map names a class differently from the evaluation and the figures.',
      where: 'he_label_map.json',
      tasks: [...TISSUE_TASKS],
    },
    {
      status: map === undefined ? 'not measured' : other.length === 0 ? 'no effect here' : 'affects the record',
      effect:
        map === undefined
          ? 'The label map could not be read.'
          : `${counted(other.length, 'label is', 'labels are')} named differently; no score changes.`,
      affected: other.map(
        ({ value, name }) => `label ${value}: "${name}", in the figures "${HE_LABELS[value]?.name ?? '-'}"`,
      ),
    },
  );
}

/** Returns the ROIs whose tiles would move if .5 were rounded up. */
export function roundedRois(rois: readonly TissueRoi[], patch: readonly [height: number, width: number]): string[] {
  const moves = (length: number, side: number) => {
    const starts = tileStarts(Math.max(length, side), side);
    const step = (Math.max(length, side) - side) / Math.max(1, starts.length - 1);
    return starts.some((start, k) => start !== Math.round(step * k));
  };
  return rois.filter(({ width, height }) => moves(height, patch[0]) || moves(width, patch[1])).map(({ roi }) => roi);
}

/** Result of segmenting the affected ROIs again with tile positions rounded half up. */
export interface RoundedAgain {
  readonly pixels: number;
  readonly differing: number;
  /** 17 x 17 of the whole test set, including the affected ROIs as segmented again. */
  readonly total: ConfusionMatrix;
}

/** Describes that tile positions are rounded half to even. */
export function roundingEntry(
  rois: readonly TissueRoi[],
  patch: readonly [number, number] | undefined,
  again: RoundedAgain | undefined,
): DiscrepancyEntry {
  const about = {
    id: 'window-rounding',
    title: 'Tiles of the sliding window are placed by rounding half to even',
    what: 'NumPy rounds 128.5 to 128 and 129.5 to 130; rounding half up, as most languages do, moves tiles by 1 px.',
    where: 'nnU-Net v1, _compute_steps_for_sliding_window',
    tasks: [...TISSUE_TASKS],
  };
  if (patch === undefined) {
    return entryOf(about, {
      status: 'not measured',
      effect: "The run used another model than the record's, and the size of its tiles is unknown.",
    });
  }
  const affected = roundedRois(rois, patch);
  const moved = `${counted(affected.length, 'ROI has', 'ROIs have')} tiles that rounding half up would move`;
  if (affected.length === 0) return entryOf(about, { status: 'no effect here', effect: `${moved}.` });
  if (again === undefined) {
    const effect = `${moved}; \`--set discrepancies.full=true\` measures the effect.`;
    return entryOf(about, { status: 'not measured', effect, affected });
  }
  const paper = diceScores(sumOfConfusions(rois.map(({ confusion }) => confusion)), HE_LABELS);
  const corrected = compared(paper, diceScores(again.total, HE_LABELS));
  return entryOf(about, {
    status: again.differing === 0 ? 'no effect here' : 'affects results',
    effect:
      `${moved}. After these were segmented again with that rounding, ${again.differing} of ${counted(again.pixels, 'pixel')} ${again.differing === 1 ? 'changes' : 'change'}, ` +
      `and a Dice changes by up to ${largestChange(corrected).toPrecision(2)}.`,
    corrected,
    affected,
  });
}

function compared(paper: DiceScores, corrected: DiceScores): CorrectedNumber[] {
  return [
    { name: 'Overall', paper: paper.overall, corrected: corrected.overall },
    ...Object.entries(paper.perClass).map(([name, dice]) => ({
      name,
      paper: dice,
      corrected: corrected.perClass[name] ?? null,
    })),
  ];
}
