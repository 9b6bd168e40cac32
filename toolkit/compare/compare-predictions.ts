import type { CellTask } from '../../config/tasks.ts';
import { translateLabels } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import { unlessMissing } from '../files/file-access.ts';
import { decodeByteLabels, type LabelImage } from '../image/decode-labels.ts';
import { type CellPoint, readPoints } from '../metrics/points-file.ts';
import { NOT_PREDICTED } from '../nnunet/sliding-window/tile-grid.ts';

import type { TumourShare } from '../predict/prediction.ts';
import { pairPoints } from '../verdict/compare-roi.ts';
import type { SideTask } from './read-side.ts';

/** How much two predictions of one ROI differ. */
export interface RoiDifference {
  readonly roi: string;
  /** Share that differs, 0 to 1: of the pixels, or of the points of the side that has more. Null if not compared. */
  readonly difference: number | null;
  /** Why it was not compared. */
  readonly reason?: string;
  /** Tumour proportion of both sides, for PD-L1 on slides; for research only. */
  readonly tumour?: { readonly a: TumourShare; readonly b: TumourShare };
}

/** Agreement of two predictions in pixels or points, over one or all ROIs. */
export interface Agreement {
  /** Pixels that both predict, or points of A. */
  readonly a: number;
  /** Pixels that both predict, or points of B. */
  readonly b: number;
  /** Pixels with the same label, or points with a counterpart of the same class. */
  readonly same: number;
  /** Largest distance of a point from its counterpart in px; 0 for masks. */
  readonly farthest: number;
  /** Counts by label or class. */
  readonly classes: ReadonlyMap<number, ClassAgreement>;
}

export interface ClassAgreement {
  readonly a: number;
  readonly b: number;
  readonly same: number;
  /** Areas, for slides with a known pixel size. */
  readonly mm2?: { readonly a: number; readonly b: number };
}

export interface ComparedPrediction extends RoiDifference {
  readonly agreement?: Agreement;
}

/**
 * Compares two masks of one ROI pixel by pixel. Pixels that either side did not predict (255) are left out.
 *
 * @returns Without an agreement when the two cannot be compared.
 */
export async function compareMaskFiles(roi: string, a: SideTask, b: SideTask): Promise<ComparedPrediction> {
  const read = async (side: SideTask): Promise<LabelImage> => {
    const mask = await decodeByteLabels(side.predictions.get(roi) ?? '');
    return side.labels === undefined ? mask : { ...mask, data: translateLabels(mask.data, side.labels) };
  };
  const both = await unlessUnreadable(async () => [await read(a), await read(b)] as const);
  if (typeof both === 'string') return { roi, difference: null, reason: both };
  const [one, other] = both;
  if (one.width !== other.width || one.height !== other.height) {
    const reason = `A is ${one.width} x ${one.height} px, B ${other.width} x ${other.height}.`;
    return { roi, difference: null, reason };
  }
  const agreement = masksAgreement(one.data, other.data);
  return { roi, difference: agreement.a === 0 ? null : 1 - agreement.same / agreement.a, agreement };
}

/** Counts the labels of two masks of the same size. */
export function masksAgreement(a: Uint8Array, b: Uint8Array): Agreement {
  const [ofA, ofB, ofBoth] = [new Float64Array(256), new Float64Array(256), new Float64Array(256)];
  let pixels = 0;
  let same = 0;
  for (let at = 0; at < a.length; at++) {
    const [one = 0, other = 0] = [a[at], b[at]];
    if (one === NOT_PREDICTED || other === NOT_PREDICTED) continue;
    pixels++;
    ofA[one] = (ofA[one] ?? 0) + 1;
    ofB[other] = (ofB[other] ?? 0) + 1;
    if (one !== other) continue;
    same++;
    ofBoth[one] = (ofBoth[one] ?? 0) + 1;
  }
  const labels = [...ofA.keys()].filter((label) => (ofA[label] ?? 0) + (ofB[label] ?? 0) > 0);
  const countsOf = (label: number) => ({ a: ofA[label] ?? 0, b: ofB[label] ?? 0, same: ofBoth[label] ?? 0 });
  const classes = new Map(labels.map((label) => [label, countsOf(label)] as const));
  return { a: pixels, b: pixels, same, farthest: 0, classes };
}

/**
 * Compares the points of two detections of one image. A missing file means that the image has no points.
 *
 * @param scale - Coordinates in the files are divided by this number before distances are computed.
 */
export async function comparePointFiles(
  task: CellTask,
  roi: string,
  a: SideTask,
  b: SideTask,
  maxDistance: number,
  scale = 1,
): Promise<ComparedPrediction> {
  const read = (side: SideTask) => pointsOrNone(task, side.predictions.get(roi), side.labelNames?.length, scale);
  const both = await unlessUnreadable(async () => [await read(a), await read(b)] as const);
  if (typeof both === 'string') return { roi, difference: null, reason: both };
  const agreement = pointsAgreement(both[0], both[1], maxDistance);
  const most = Math.max(agreement.a, agreement.b);
  return { roi, difference: most === 0 ? 0 : 1 - agreement.same / most, agreement };
}

/**
 * Matches the points of two detections.
 *
 * @param maxDistance - Largest distance of a point from its counterpart of the same class, in px.
 */
export function pointsAgreement(a: readonly CellPoint[], b: readonly CellPoint[], maxDistance: number): Agreement {
  const pairs = pairPoints(b, a, maxDistance);
  const labels = [...new Set([...a, ...b].map((point) => point.class))].sort((one, other) => one - other);
  const countOf = (points: readonly CellPoint[], label: number) => points.filter((each) => each.class === label).length;
  const paired = pairs.map(({ published }) => a[published]?.class);
  return {
    a: a.length,
    b: b.length,
    same: pairs.length,
    farthest: pairs.at(-1)?.distance ?? 0,
    classes: new Map(
      labels.map((label) => [
        label,
        { a: countOf(a, label), b: countOf(b, label), same: paired.filter((each) => each === label).length },
      ]),
    ),
  };
}

/** Sums agreements over ROIs. */
export function sumOfAgreements(agreements: readonly Agreement[]): Agreement {
  const classes = new Map<number, ClassAgreement>();
  const sum = { a: 0, b: 0, same: 0, farthest: 0 };
  for (const each of agreements) {
    sum.a += each.a;
    sum.b += each.b;
    sum.same += each.same;
    sum.farthest = Math.max(sum.farthest, each.farthest);
    for (const [label, counts] of each.classes) {
      const known = classes.get(label);
      classes.set(label, known === undefined ? counts : sumOfClasses(known, counts));
    }
  }
  return { ...sum, classes: new Map([...classes].sort(([one], [other]) => one - other)) };
}

function sumOfClasses(one: ClassAgreement, other: ClassAgreement): ClassAgreement {
  const mm2 = one.mm2 && other.mm2 && { a: one.mm2.a + other.mm2.a, b: one.mm2.b + other.mm2.b };
  return { a: one.a + other.a, b: one.b + other.b, same: one.same + other.same, ...(mm2 && { mm2 }) };
}

async function pointsOrNone(
  task: CellTask,
  path: string | undefined,
  classes: number | undefined,
  scale: number,
): Promise<readonly CellPoint[]> {
  const points = path === undefined ? [] : ((await unlessMissing(readPoints(path, task, classes))) ?? []);
  return scale === 1 ? points : points.map((each) => ({ ...each, x: each.x / scale, y: each.y / scale }));
}

/** Returns what was read, or the reason as a sentence if it cannot be read. */
export async function unlessUnreadable<Result>(read: () => Promise<Result>): Promise<Result | string> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ReigniteError && !error.retryable) return error.message;
    throw error;
  }
}
