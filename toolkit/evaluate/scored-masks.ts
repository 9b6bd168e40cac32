import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { TissueTask } from '../../config/tasks.ts';
import { publishedMaskIn } from '../dataset/layout.ts';
import type { HeTestRoi } from '../dataset/test-rois.ts';
import { HE_LABELS, type LabelTranslation, translateLabels } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import { inside } from '../files/folders.ts';
import { firstOf } from '../format.ts';
import { decodeByteLabels, decodeLabels, pairOf, paletteRemark } from '../image/decode-labels.ts';
import { imageSize } from '../image/open-image.ts';
import type { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import { labelCounts, type WithoutPrediction, withoutPrediction, withStrayPredictions } from '../metrics/dice.ts';
import { evaluateHe, type HeEvaluation, type RoiMasks, sumOfConfusions } from '../metrics/he-metrics.ts';
import type { RoiCounts } from '../verdict/resampled-intervals.ts';
import { formatProblems, namesIn, namesMeantFor } from './prediction-files.ts';

/** An ROI and the absolute path of the mask to score. */
export interface Pair extends HeTestRoi {
  readonly prediction: string;
}

/** Counts of masks under the paper's protocol, and of the pixels that it does not count. */
export interface ScoredMasks extends HeEvaluation {
  /** 17 x 17 counts of every ROI, with predictions that are not a label as Unannotated. */
  readonly filled: readonly { readonly roi: string; readonly confusion: ConfusionMatrix }[];
  readonly without: WithoutPrediction;
}

/** The scored masks, and the published ones if none is missing. */
export interface BothMasks {
  readonly own: ScoredMasks;
  readonly published: ScoredMasks | undefined;
}

/** Scores masks, after translating their values if `labels` is given. */
export async function scoreMasks(
  data: string,
  pairs: readonly Pair[],
  labels?: LabelTranslation,
): Promise<ScoredMasks> {
  const truths: (readonly number[])[] = [];
  const evaluation = await evaluateHe(readPairs(data, pairs, labels, (truth) => truths.push(labelCounts(truth))));
  const filled = evaluation.rois.map(({ roi, confusion }, k) => ({
    roi,
    confusion: withStrayPredictions(confusion, truths[k] ?? []),
  }));
  const without = withoutPrediction(sumOfConfusions(filled.map(({ confusion }) => confusion)));
  return { ...evaluation, filled, without };
}

async function* readPairs(
  data: string,
  pairs: readonly Pair[],
  labels: LabelTranslation | undefined,
  onTruth: (truth: Uint8Array) => void,
): AsyncGenerator<RoiMasks> {
  for (const { roi, annotation, prediction } of pairs) {
    const truth = inside(data, annotation);
    const masks = pairOf(
      roi,
      { path: truth, mask: await decodeLabels(truth) },
      { path: prediction, mask: await decodeByteLabels(prediction) },
    );
    onTruth(masks.truth);
    yield labels === undefined ? masks : { ...masks, prediction: translateLabels(masks.prediction, labels) };
  }
}

/** Scores the published masks under the same protocol; undefined if any is missing. */
export async function scorePublished(
  data: string,
  task: TissueTask,
  pairs: readonly Pair[],
): Promise<ScoredMasks | undefined> {
  const published = pairs.map((pair) => ({
    ...pair,
    prediction: inside(data, publishedMaskIn(data, task, pair.roi)),
  }));
  if (!published.every(({ prediction }) => existsSync(prediction))) return undefined;
  return scoreMasks(data, published);
}

/** Returns the counts of ROIs for resampling. Without published masks, `published` repeats our counts. */
export function countsOf(own: HeEvaluation['rois'], published: HeEvaluation['rois'] | undefined): RoiCounts[] {
  return own.map(({ roi, confusion }, k) => ({
    roi,
    ours: confusion.counts(),
    published: (published?.[k]?.confusion ?? confusion).counts(),
  }));
}

/** A mask and the annotation that it is compared with. Absolute paths. */
interface MaskToCheck {
  readonly roi: string;
  readonly annotation: string;
  readonly prediction: string;
}

/** Value that `scope: annotated` writes where nothing was predicted. */
const NOT_PREDICTED = 255;

/** The reason why a mask cannot be scored. */
interface MaskFault {
  readonly code: 'ROI_WITHOUT_PAIR' | 'IMAGE_UNREADABLE' | 'SIZE_MISMATCH';
  readonly cause: string;
  /** Missing for the usual remedy of the code. */
  readonly remedy?: string;
}

const OTHER_FILES = 'Save each mask as an 8-bit grey PNG or TIFF with the name of the ROI; other formats are not read.';

/** Order in which kinds of faults determine the error code. */
const BY_WEIGHT = [
  'ROI_WITHOUT_PAIR',
  'IMAGE_UNREADABLE',
  'SIZE_MISMATCH',
] as const satisfies readonly MaskFault['code'][];

/**
 * Checks all masks before any is scored.
 *
 * @returns Remarks on unusual masks that can be scored, one sentence each: values that are not labels, and palettes.
 * @throws ReigniteError ROI_WITHOUT_PAIR, IMAGE_UNREADABLE or SIZE_MISMATCH, listing all faulty files with their
 *   problems.
 */
export async function checkMasks(
  masks: readonly MaskToCheck[],
  translation: LabelTranslation | undefined,
): Promise<readonly string[]> {
  const faults: MaskFault[] = [];
  const remarks: string[] = [];
  const palettes: string[] = [];
  for (const mask of masks) {
    const checked = await checkMask(mask, translation);
    if ('code' in checked) faults.push(checked);
    else {
      if (checked.remark !== undefined) remarks.push(checked.remark);
      if (checked.isPalette) palettes.push(mask.roi);
    }
  }
  const code = BY_WEIGHT.find((each) => faults.some((fault) => fault.code === each));
  if (code !== undefined) {
    const causes = faults.map(({ cause }) => cause);
    const remedies = new Set(faults.flatMap((fault) => (fault.code === code ? (fault.remedy ?? []) : [])));
    const remedy = remedies.size === 0 ? {} : { remedy: [...remedies].join(' ') };
    throw new ReigniteError(code, formatProblems(causes, `${masks.length} masks`), remedy);
  }
  return [...paletteRemark(palettes), ...remarks];
}

async function checkMask(
  { roi, annotation, prediction }: MaskToCheck,
  translation: LabelTranslation | undefined,
): Promise<MaskFault | { readonly remark?: string; readonly isPalette: boolean }> {
  if (!existsSync(prediction)) {
    const others = namesMeantFor(basename(prediction), await namesIn(dirname(prediction)));
    const cause = `${roi} has no prediction ${prediction}`;
    if (others.length === 0) return { code: 'ROI_WITHOUT_PAIR', cause };
    return { code: 'ROI_WITHOUT_PAIR', cause: `${cause}, only ${firstOf(others)}`, remedy: OTHER_FILES };
  }
  const truth = await imageSize(annotation);
  try {
    const { width, height, data, isPalette = false } = await decodeByteLabels(prediction);
    if (width !== truth.width || height !== truth.height) {
      const sizes = `${width} x ${height} px, its annotation ${truth.width} x ${truth.height} px`;
      return { code: 'SIZE_MISMATCH', cause: `${prediction} has ${sizes}` };
    }
    const unknown = unknownValues(data, translation);
    if (unknown.length === 0) return { isPalette };
    const remark = `${roi}: the mask contains ${unknown.join(', ')}, which is not a label; these pixels count as not predicted.`;
    return { isPalette, remark };
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
    return { code: 'IMAGE_UNREADABLE', cause: error.message.replace(/\.$/, ''), remedy: error.remedy };
  }
}

function unknownValues(data: Uint8Array, translation: LabelTranslation | undefined): readonly number[] {
  const seen = new Uint8Array(256);
  for (const value of data) seen[value] = 1;
  const isKnown = (value: number) =>
    translation === undefined ? value < HE_LABELS.length || value === NOT_PREDICTED : translation[value] !== undefined;
  return Array.from(seen.keys()).filter((value) => seen[value] === 1 && !isKnown(value));
}
