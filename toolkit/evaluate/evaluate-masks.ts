import { join } from 'node:path';
import type { MappedLabel } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { firstOf } from '../format.ts';
import { decodeLabelMap } from '../image/decode-labels.ts';
import { namesIn, namesLike, namesMeantFor, stemOf } from './prediction-files.ts';

/** The largest value of a mask with 16 bits. */
export const LARGEST_VALUE = 65_535;

const FEW = 8;
/** Number of values that only masks of numbered objects have. */
const MANY = 256;

/** Absolute folders of masks and scores, and options. */
export interface MasksInput {
  /** Folder of annotated masks, PNG or TIFF. */
  readonly truth: string;
  /** Folder of predicted masks under the same names; only the ending may differ. */
  readonly predictions: string;
  readonly out: string;
  /** Labels to score. Default: every value of the masks. */
  readonly labels?: readonly MappedLabel[];
  /** Annotated value whose pixels are left out. */
  readonly ignore?: number;
}

/** Dice of one label. */
export interface LabelDice {
  readonly value: number;
  readonly name: string;
  /** Over the pixels of all images together; null if neither side has the label. */
  readonly dice: number | null;
  /** Mean over the images in which either side has the label. */
  readonly meanOverImages: number | null;
  /** Number of these images. */
  readonly images: number;
  readonly truePixels: number;
  readonly predictedPixels: number;
}

export interface EvaluatedMasks {
  /** `metrics/masks.json`. */
  readonly metrics: {
    readonly images: number;
    readonly ignore?: number;
    readonly labels: readonly LabelDice[];
    /** Unweighted mean over the labels other than 0. */
    readonly meanDice: number | null;
    readonly perImage: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
  readonly remarks: readonly string[];
}

/** Numbers of pixels with a value: in the annotation, in the prediction, and in both at the same place. */
interface ValueCounts {
  readonly truth: number;
  readonly prediction: number;
  readonly both: number;
}

/** Counts of the values that occur, as few of the 65,536 do. */
type PixelCounts = ReadonlyMap<number, ValueCounts>;

/**
 * Scores masks with arbitrary labels by the Dice coefficient, and writes `metrics/masks.json`.
 *
 * @throws ReigniteError FILE_MISSING for a folder without masks; ROI_WITHOUT_PAIR naming the missing masks, or two
 *   annotated masks with the same prediction;
 *   SIZE_MISMATCH naming the first; IMAGE_UNREADABLE; NOT_WRITABLE, NO_SPACE.
 */
export async function evaluateMasks({
  truth,
  predictions,
  out,
  labels: asked,
  ignore,
}: MasksInput): Promise<EvaluatedMasks> {
  const names = await masksIn(truth);
  const found = await masksIn(predictions);
  const like = predictionOf(found);
  const pairs = names.flatMap((name): MaskPair[] => {
    const prediction = like(name);
    return prediction === undefined ? [] : [{ name, prediction }];
  });
  const paired = new Set(pairs.map(({ name }) => name));
  const missing = names.filter((name) => !paired.has(name));
  if (missing.length > 0) {
    const shown = `${missing.slice(0, FEW).join(', ')}${missing.length > FEW ? ', ...' : ''}`;
    const inFolder = await namesIn(predictions);
    const others = missing.flatMap((name) => namesMeantFor(name, inFolder));
    const instead = others.length === 0 ? '' : `; it has ${firstOf(others)}`;
    throw new ReigniteError(
      'ROI_WITHOUT_PAIR',
      `${predictions} has no masks for ${missing.length} of ${names.length} annotated masks: ${shown}${instead}.`,
      { remedy: 'Add a predicted mask with the same file name as each of these annotated masks.' },
    );
  }
  refuseShared(pairs, { truth, predictions });
  const counts: PixelCounts[] = [];
  const total = new Map<number, ValueCounts>();
  for (const { name, prediction } of pairs) {
    const image = await countPixels(join(truth, name), join(predictions, prediction), ignore);
    counts.push(image);
    addTo(total, image);
  }
  const labels = asked ?? valuesOf(total).map((value) => ({ value, name: `value ${value}` }));
  const scored = labels.map((label) => scoreOf(label, total, counts));
  const foreground = scored.flatMap(({ value, dice }) => (value === 0 || dice === null ? [] : [dice]));
  const perImage = names.map((name, index): [string, Record<string, number>] => {
    const of = labels.map(({ value, name: label }): [string, number | null] => [label, diceOf(value, counts[index])]);
    return [name, Object.fromEntries(of.flatMap(([label, dice]) => (dice === null ? [] : [[label, dice]])))];
  });
  const metrics = {
    images: names.length,
    ...(ignore !== undefined && { ignore }),
    labels: scored,
    meanDice: meanOf(foreground),
    perImage: Object.fromEntries(perImage),
  };
  await writeFileAtomic(join(out, 'metrics', 'masks.json'), `${JSON.stringify(metrics, null, 1)}\n`);
  return { metrics, remarks: remarksOf(total, labels, found.length - names.length) };
}

/** Returns a function that finds the prediction of an annotated mask: of the same name, else the only one with its stem. */
function predictionOf(found: readonly string[]): (name: string) => string | undefined {
  const like = namesLike(found);
  const byStem = new Map<string, string[]>();
  for (const name of found) byStem.set(stemOf(name), [...(byStem.get(stemOf(name)) ?? []), name]);
  return (name) => {
    const others = byStem.get(stemOf(name)) ?? [];
    return like(name) ?? (others.length === 1 ? others[0] : undefined);
  };
}

interface MaskPair {
  readonly name: string;
  readonly prediction: string;
}

/** @throws ReigniteError ROI_WITHOUT_PAIR when two annotated masks would have the same prediction. */
function refuseShared(pairs: readonly MaskPair[], { truth, predictions }: Pick<MasksInput, 'truth' | 'predictions'>) {
  const owners = new Map<string, string>();
  for (const { name, prediction } of pairs) {
    const other = owners.get(prediction);
    if (other !== undefined) {
      throw new ReigniteError(
        'ROI_WITHOUT_PAIR',
        `${predictions} has one mask, ${prediction}, for two annotated masks in ${truth}: ${other} and ${name}.`,
        { remedy: 'Remove one of the two annotated masks, or add a predicted mask with exactly its file name.' },
      );
    }
    owners.set(prediction, name);
  }
}

/** Files that may be masks, in formats that are not read. */
const OTHER_IMAGE = /\.(?:npy|npz|nii|nii\.gz|bmp|jpe?g|gif|webp)$/i;

/** Lists the masks in a folder: its PNG files, or if there are none its TIFF files, which next to PNG masks are images. */
async function masksIn(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder);
  for (const ending of [/\.png$/i, /\.tiff?$/i]) {
    const masks = names.filter((name) => ending.test(name)).sort();
    if (masks.length > 0) return masks;
  }
  const images = names.filter((name) => OTHER_IMAGE.test(name)).sort();
  if (images.length > 0) {
    throw new ReigniteError('FILE_MISSING', `${folder} contains no masks (.png, .tif), only ${firstOf(images)}.`, {
      remedy:
        'Save each mask as an 8-bit grey PNG or TIFF whose pixel values are the labels, or with 16 bits; other formats are not read.',
    });
  }
  throw new ReigniteError('FILE_MISSING', `${folder} contains no masks (.png, .tif).`, {
    remedy: 'Name the folder that directly contains them.',
  });
}

async function countPixels(truthPath: string, path: string, ignore: number | undefined): Promise<PixelCounts> {
  const [truth, prediction] = [await decodeLabelMap(truthPath), await decodeLabelMap(path)];
  if (truth.width !== prediction.width || truth.height !== prediction.height) {
    throw new ReigniteError(
      'SIZE_MISMATCH',
      `${path} has ${prediction.width} x ${prediction.height} px, its annotation ${truth.width} x ${truth.height} px.`,
    );
  }
  const isDeep = [truth, prediction].some(({ data }) => data instanceof Uint16Array);
  const values = isDeep ? LARGEST_VALUE + 1 : BYTE;
  const counts = {
    truth: new Float64Array(values),
    prediction: new Float64Array(values),
    both: new Float64Array(values),
  };
  for (let at = 0; at < truth.data.length; at++) {
    const [expected, given] = [truth.data[at] ?? 0, prediction.data[at] ?? 0];
    if (expected === ignore) continue;
    counts.truth[expected] = (counts.truth[expected] ?? 0) + 1;
    counts.prediction[given] = (counts.prediction[given] ?? 0) + 1;
    if (expected === given) counts.both[given] = (counts.both[given] ?? 0) + 1;
  }
  const found = new Map<number, ValueCounts>();
  for (const [value, inTruth] of counts.truth.entries()) {
    const inPrediction = counts.prediction[value] ?? 0;
    if (inTruth + inPrediction === 0) continue;
    found.set(value, { truth: inTruth, prediction: inPrediction, both: counts.both[value] ?? 0 });
  }
  return found;
}

/** Number of values of samples with 8 bits. */
const BYTE = 256;

const NONE: ValueCounts = { truth: 0, prediction: 0, both: 0 };

function addTo(total: Map<number, ValueCounts>, counts: PixelCounts): void {
  for (const [value, { truth, prediction, both }] of counts) {
    const sum = total.get(value) ?? NONE;
    total.set(value, { truth: sum.truth + truth, prediction: sum.prediction + prediction, both: sum.both + both });
  }
}

function valuesOf(counts: PixelCounts): readonly number[] {
  return [...counts.keys()].sort((a, b) => a - b);
}

function diceOf(value: number, counts: PixelCounts | undefined): number | null {
  const { truth, prediction, both } = counts?.get(value) ?? NONE;
  return truth + prediction === 0 ? null : (2 * both) / (truth + prediction);
}

function scoreOf({ value, name }: MappedLabel, total: PixelCounts, counts: readonly PixelCounts[]): LabelDice {
  const images = counts.flatMap((each) => diceOf(value, each) ?? []);
  return {
    value,
    name,
    dice: diceOf(value, total),
    meanOverImages: meanOf(images),
    images: images.length,
    truePixels: total.get(value)?.truth ?? 0,
    predictedPixels: total.get(value)?.prediction ?? 0,
  };
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function remarksOf(total: PixelCounts, labels: readonly MappedLabel[], foreign: number): string[] {
  const known = new Set(labels.map(({ value }) => value));
  const found = valuesOf(total);
  const others = found.filter((value) => !known.has(value));
  return [
    ...(found.length > MANY
      ? [`The masks contain ${found.length} values: if these number objects, Dice does not compare the objects.`]
      : []),
    ...(foreign > 0 ? [`Predictions left out, because they have no annotation: ${foreign}.`] : []),
    ...(others.length > 0
      ? [`The masks also contain values without a label: ${others.slice(0, FEW).join(', ')}.`]
      : []),
  ];
}
