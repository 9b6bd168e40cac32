/** An annotated object. */
export interface TrueBox {
  /** Number of the image. */
  readonly image: number;
  readonly label: number;
  /** x, y, width, height in px. */
  readonly box: readonly [number, number, number, number];
  /** A region of many objects: boxes matched to it are neither right nor wrong. */
  readonly isCrowd: boolean;
}

/** A predicted box with its detection score. */
export interface ScoredBox {
  readonly image: number;
  readonly label: number;
  readonly box: readonly [number, number, number, number];
  readonly score: number;
}

/** Average precision of one class, 0 to 1; null if the class was not annotated. */
export interface ClassPrecision {
  readonly ap50: number | null;
  readonly ap5095: number | null;
  readonly objects: number;
  readonly predicted: number;
}

export interface AveragePrecision {
  /** Mean over the annotated classes at an IoU of 0.5; null if there are none. */
  readonly map50: number | null;
  /** The same, also averaged over IoUs of 0.5, 0.55, ... 0.95. */
  readonly map5095: number | null;
  readonly classes: readonly ClassPrecision[];
  /** Boxes beyond the limit per image and class, which did not count. */
  readonly overLimit: number;
}

const IOUS = linspace(0.5, 0.95, 10);
const LEAST_IOU = Math.min(...IOUS);
const RECALLS = linspace(0, 1, 101);
/** What NumPy calls `spacing(1)`. */
const EPSILON = 2 ** -52;

/**
 * Computes the average precision of boxes as COCO defines it: all areas, precision at 101 recalls, the best `limit`
 * boxes per class and image.
 *
 * @param classes - Number of classes.
 * @param limit - 100 in COCO.
 * @see cocoeval.py of pycocotools 2.0
 */
export function averagePrecision(
  truth: readonly TrueBox[],
  predicted: readonly ScoredBox[],
  classes: number,
  limit = 100,
): AveragePrecision {
  let overLimit = 0;
  const perClass = Array.from({ length: classes }, (_, label): ClassPrecision => {
    const objects = truth.filter((each) => each.label === label);
    const boxes = predicted.filter((each) => each.label === label);
    const images = imagesOf(objects, boxes, limit);
    overLimit += boxes.length - images.reduce((sum, image) => sum + image.boxes.length, 0);
    const count = objects.filter(({ isCrowd }) => !isCrowd).length;
    if (count === 0) return { ap50: null, ap5095: null, objects: 0, predicted: boxes.length };
    const values = IOUS.map((iou) => precisionAt(images, count, iou));
    return { ap50: values[0] ?? 0, ap5095: mean(values), objects: count, predicted: boxes.length };
  });
  const annotated = perClass.flatMap(({ ap50, ap5095 }) =>
    ap50 === null || ap5095 === null ? [] : [{ ap50, ap5095 }],
  );
  return {
    map50: annotated.length === 0 ? null : mean(annotated.map(({ ap50 }) => ap50)),
    map5095: annotated.length === 0 ? null : mean(annotated.map(({ ap5095 }) => ap5095)),
    classes: perClass,
    overLimit,
  };
}

interface ImageBoxes {
  /** Sorted, crowds last. */
  readonly objects: readonly TrueBox[];
  /** Sorted by detection score, best first. */
  readonly boxes: readonly ScoredBox[];
  /** For each box, the objects that it may be matched with, by index. */
  readonly candidates: readonly (readonly Candidate[])[];
}

/** An object that a box overlaps by at least the least IoU that counts. */
interface Candidate {
  readonly index: number;
  readonly shared: number;
}

function imagesOf(objects: readonly TrueBox[], boxes: readonly ScoredBox[], limit: number): ImageBoxes[] {
  const numbers = [...new Set([...objects, ...boxes].map(({ image }) => image))].sort((a, b) => a - b);
  const objectsBy = grouped(objects);
  const boxesBy = grouped(boxes);
  return numbers.map((image) => {
    const here = [...(objectsBy.get(image) ?? [])].sort((a, b) => Number(a.isCrowd) - Number(b.isCrowd));
    const best = [...(boxesBy.get(image) ?? [])].sort((a, b) => b.score - a.score).slice(0, limit);
    return { objects: here, boxes: best, candidates: candidatesOf(best, here) };
  });
}

/**
 * Finds the objects that each box may be matched with. Objects are looked up by their left sides, since an image may have
 * tens of thousands: one that starts more than twice the width of a box to its left is too wide or too far away.
 */
function candidatesOf(boxes: readonly ScoredBox[], objects: readonly TrueBox[]): ImageBoxes['candidates'] {
  const all = objects.map((object, index) => ({ object, index }));
  const crowds = all.filter(({ object }) => object.isCrowd);
  const others = all.filter(({ object }) => !object.isCrowd).sort((a, b) => a.object.box[0] - b.object.box[0]);
  const lefts = Float64Array.from(others, ({ object }) => object.box[0]);
  return boxes.map(({ box }) => {
    const [x, , width] = box;
    const near = others.slice(firstFrom(lefts, x - 2 * width), firstFrom(lefts, x + width));
    return [...near, ...crowds]
      .map(({ object, index }) => ({ index, shared: overlap(box, object) }))
      .filter(({ shared }) => shared >= LEAST_IOU)
      .sort((a, b) => a.index - b.index);
  });
}

/** Returns the index of the first of sorted numbers that is at least `least`. */
function firstFrom(sorted: Float64Array, least: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] ?? 0) < least) from = middle + 1;
    else to = middle;
  }
  return from;
}

function grouped<Box extends { readonly image: number }>(boxes: readonly Box[]): ReadonlyMap<number, readonly Box[]> {
  const groups = new Map<number, Box[]>();
  for (const box of boxes) {
    const group = groups.get(box.image);
    if (group === undefined) groups.set(box.image, [box]);
    else group.push(box);
  }
  return groups;
}

/** Computes intersection over union; for a crowd, intersection over the area of the box. */
function overlap(
  [x, y, width, height]: ScoredBox['box'],
  { box: [left, top, across, down], isCrowd }: TrueBox,
): number {
  const w = Math.min(x + width, left + across) - Math.max(x, left);
  const h = Math.min(y + height, top + down) - Math.max(y, top);
  if (w <= 0 || h <= 0) return 0;
  const both = w * h;
  return both / (isCrowd ? width * height : width * height + across * down - both);
}

/** Whether a box is right, with its detection score. */
interface BoxOutcome {
  readonly score: number;
  readonly isRight: boolean;
}

function precisionAt(images: readonly ImageBoxes[], count: number, iou: number): number {
  const outcomes = images.flatMap((image) => outcomesOf(image, iou)).sort((a, b) => b.score - a.score);
  const recalls: number[] = [];
  const precisions: number[] = [];
  let right = 0;
  for (const [index, { isRight }] of outcomes.entries()) {
    if (isRight) right++;
    recalls.push(right / count);
    precisions.push(right / (index + 1 + EPSILON));
  }
  for (let index = precisions.length - 1; index > 0; index--) {
    precisions[index - 1] = Math.max(precisions[index - 1] ?? 0, precisions[index] ?? 0);
  }
  let at = 0;
  return mean(
    RECALLS.map((recall) => {
      while (at < recalls.length && (recalls[at] ?? 0) < recall) at++;
      return precisions[at] ?? 0;
    }),
  );
}

/** Matches every box, best first, with the unmatched object that it overlaps most. Boxes matched to a crowd are dropped. */
function outcomesOf({ objects, boxes, candidates }: ImageBoxes, iou: number): BoxOutcome[] {
  const taken = new Set<number>();
  return boxes.flatMap(({ score }, box): BoxOutcome[] => {
    let least = Math.min(iou, 1 - 1e-10);
    let match: number | undefined;
    for (const { index, shared } of candidates[box] ?? []) {
      const isCrowd = objects[index]?.isCrowd === true;
      if (taken.has(index) && !isCrowd) continue;
      if (match !== undefined && !objects[match]?.isCrowd && isCrowd) break;
      if (shared < least) continue;
      least = shared;
      match = index;
    }
    if (match === undefined) return [{ score, isRight: false }];
    taken.add(match);
    return objects[match]?.isCrowd ? [] : [{ score, isRight: true }];
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Returns evenly spaced numbers, rounded like `numpy.linspace`. */
function linspace(from: number, to: number, count: number): readonly number[] {
  const step = (to - from) / (count - 1);
  return Array.from({ length: count }, (_, index) => (index === count - 1 ? to : index * step + from));
}
