import type { CellTask } from '../../config/tasks.ts';
import { NOT_PREDICTED } from '../nnunet/sliding-window/tile-grid.ts';
import { LabelPyramid } from '../slide/read/label-pyramid.ts';
import { type Agreement, type ComparedPrediction, comparePointFiles, unlessUnreadable } from './compare-predictions.ts';
import type { SideImage, SideSlide, SideTask } from './read-side.ts';

/** Explains why two predictions with the same name are not of the same file; undefined if they may be. */
export function whyNotOneFile(
  a: SideImage | undefined,
  b: SideImage | undefined,
  what: 'images' | 'slides',
): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.width !== b.width || a.height !== b.height) {
    return `The ${what} differ: that of A is ${a.width} x ${a.height} px, that of B ${b.width} x ${b.height}.`;
  }
  const [ofA, ofB] = [a.sha256, b.sha256];
  if (ofA === undefined || ofB === undefined || ofA === ofB) return undefined;
  return `The ${what} differ: the file of A has the SHA-256 ${ofA.slice(0, 12)}, that of B ${ofB.slice(0, 12)}.`;
}

/**
 * Explains why two predictions with the same name are not of the same slide at the same resolution; undefined if they
 * may be, or if neither is of a slide.
 */
export function whyNotOneSlide(a: SideSlide | undefined, b: SideSlide | undefined): string | undefined {
  if (a === undefined && b === undefined) return undefined;
  if (a === undefined || b === undefined) {
    return `It is an image in ${a === undefined ? 'A' : 'B'}, but a whole slide in ${a === undefined ? 'B' : 'A'}.`;
  }
  const reason = whyNotOneFile(a, b, 'slides');
  if (reason !== undefined) return reason;
  if (a.seen.width !== b.seen.width || a.seen.height !== b.seen.height) {
    return `The slide was predicted at ${a.seen.width} x ${a.seen.height} px in A, at ${b.seen.width} x ${b.seen.height} px in B: predict both with the same --level and --mpp.`;
  }
  return undefined;
}

/**
 * Compares two masks of one slide pixel by pixel, using memory that does not depend on the slide's size.
 *
 * @returns Without an agreement when the two cannot be compared.
 */
export async function compareSlideMasks(
  roi: string,
  a: SideTask,
  b: SideTask,
  signal: AbortSignal,
): Promise<ComparedPrediction> {
  const mm2 = pixelMm2(a.slides?.get(roi), b.slides?.get(roi));
  const agreement = await unlessUnreadable(() =>
    withSlideMasks(a.predictions.get(roi) ?? '', b.predictions.get(roi) ?? '', (masks) =>
      slideMasksAgreement(masks, mm2, signal),
    ),
  );
  if (typeof agreement === 'string') return { roi, difference: null, reason: agreement };
  return { roi, difference: agreement.a === 0 ? null : 1 - agreement.same / agreement.a, agreement };
}

/**
 * Compares the cells of one slide. Distances are in px of the image as the network saw it, as for images that are not
 * slides.
 *
 * @param maxDistance - Largest distance of a cell from its counterpart of the same class, in px.
 */
export function compareSlideCells(
  task: CellTask,
  roi: string,
  a: SideTask,
  b: SideTask,
  maxDistance: number,
): Promise<ComparedPrediction> {
  const slide = a.slides?.get(roi);
  return comparePointFiles(task, roi, a, b, maxDistance, slide === undefined ? 1 : slide.width / slide.seen.width);
}

/** Returns the area of a mask's pixel in mm²; undefined unless both sides have the same known pixel size. */
function pixelMm2(a: SideSlide | undefined, b: SideSlide | undefined): number | undefined {
  if (a?.mpp === undefined || a.mpp !== b?.mpp) return undefined;
  return ((a.mpp * a.width) / a.seen.width) ** 2 / 1e6;
}

/**
 * Size in px of the parts in which two masks are read. They are as high as the tiles, so that each tile is decoded
 * once.
 */
const PART_HEIGHT = 512;
const PART_WIDTH = 8_192;
const VALUES = 256;

/** The same part of two masks of equal size. */
interface MaskPart {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** height x width labels. */
  readonly a: Uint8Array;
  readonly b: Uint8Array;
}

/** Two masks of a slide, open for reading. */
interface SlideMasks {
  readonly width: number;
  readonly height: number;
  /**
   * Reads both in parts, from the top, so that memory does not depend on their size. @throws ReigniteError
   * FILE_DAMAGED.
   */
  parts(signal?: AbortSignal): AsyncGenerator<MaskPart>;
}

/**
 * Opens two masks of a slide.
 *
 * @param use - Called with the masks, which are closed afterwards.
 * @returns What `use` returns, or a sentence for masks of different sizes.
 * @throws ReigniteError FILE_MISSING, FILE_DAMAGED.
 */
export async function withSlideMasks<Result>(
  a: string,
  b: string,
  use: (masks: SlideMasks) => Promise<Result>,
): Promise<Result | string> {
  const one = await LabelPyramid.open(a);
  try {
    const other = await LabelPyramid.open(b);
    try {
      const [ofA, ofB] = [sizeOf(one), sizeOf(other)];
      if (ofA.width !== ofB.width || ofA.height !== ofB.height) {
        return `The mask of A is ${ofA.width} x ${ofA.height} px, that of B ${ofB.width} x ${ofB.height}: predict both with the same --level and --mpp.`;
      }
      return await use({ ...ofA, parts: (signal) => readParts(one, other, signal) });
    } finally {
      await other.close();
    }
  } finally {
    await one.close();
  }
}

async function* readParts(a: LabelPyramid, b: LabelPyramid, signal: AbortSignal | undefined): AsyncGenerator<MaskPart> {
  const size = sizeOf(a);
  for (let top = 0; top < size.height; top += PART_HEIGHT) {
    const height = Math.min(PART_HEIGHT, size.height - top);
    for (let left = 0; left < size.width; left += PART_WIDTH) {
      signal?.throwIfAborted();
      const width = Math.min(PART_WIDTH, size.width - left);
      const [ofA, ofB] = [await a.read(0, left, top, width, height), await b.read(0, left, top, width, height)];
      yield { left, top, width, height, a: ofA, b: ofB };
    }
  }
}

function sizeOf({ levels: [largest] }: LabelPyramid) {
  return { width: largest?.width ?? 0, height: largest?.height ?? 0 };
}

/**
 * Counts the labels of two masks of a slide. Pixels that either side did not predict (255) are left out.
 *
 * @param mm2 - Area of a pixel in mm², if known.
 */
async function slideMasksAgreement(
  masks: SlideMasks,
  mm2: number | undefined,
  signal?: AbortSignal,
): Promise<Agreement> {
  const pairs = new Float64Array(VALUES * VALUES);
  for await (const { a, b } of masks.parts(signal)) countPairs(pairs, a, b);
  return agreementOf(pairs, mm2);
}

function countPairs(pairs: Float64Array, a: Uint8Array, b: Uint8Array): void {
  for (let at = 0; at < a.length; at++) {
    const pair = VALUES * (a[at] ?? 0) + (b[at] ?? 0);
    pairs[pair] = (pairs[pair] ?? 0) + 1;
  }
}

function agreementOf(pairs: Float64Array, mm2: number | undefined): Agreement {
  const labels = [...Array(VALUES).keys()].filter((label) => label !== NOT_PREDICTED);
  const at = (a: number, b: number) => pairs[VALUES * a + b] ?? 0;
  const total = (counts: readonly number[]) => counts.reduce((sum, each) => sum + each, 0);
  const counted = labels.map((label) => {
    const [a, b] = [total(labels.map((other) => at(label, other))), total(labels.map((other) => at(other, label)))];
    const areas = mm2 === undefined ? {} : { mm2: { a: a * mm2, b: b * mm2 } };
    return [label, { a, b, same: at(label, label), ...areas }] as const;
  });
  const pixels = total(counted.map(([, { a }]) => a));
  const classes = new Map(counted.filter(([, { a, b }]) => a + b > 0));
  return { a: pixels, b: pixels, same: total(counted.map(([, { same }]) => same)), farthest: 0, classes };
}

/** Two small masks that show where two large ones differ. */
interface ReducedMasks {
  readonly width: number;
  readonly height: number;
  /** Side in px of the square of the masks that one pixel shows. */
  readonly step: number;
  readonly a: Uint8Array;
  readonly b: Uint8Array;
}

/**
 * Reduces two masks without losing a difference. A pixel gets the two labels of the first pixel in its square where the
 * masks differ, or else those of its upper left corner.
 *
 * @param side - Longest side of the result in px.
 */
export async function reducedMasks(masks: SlideMasks, side: number, signal?: AbortSignal): Promise<ReducedMasks> {
  const step = Math.max(1, Math.ceil(Math.max(masks.width, masks.height) / side));
  const size = { width: Math.ceil(masks.width / step), height: Math.ceil(masks.height / step) };
  const [a, b] = [new Uint8Array(size.width * size.height), new Uint8Array(size.width * size.height)];
  const differs = new Uint8Array(a.length);
  for await (const part of masks.parts(signal)) {
    for (let y = 0, at = 0; y < part.height; y++) {
      const row = Math.floor((part.top + y) / step) * size.width;
      for (let x = 0; x < part.width; x++, at++) {
        const [one = 0, other = 0] = [part.a[at], part.b[at]];
        const isDifferent = one !== other && one !== NOT_PREDICTED && other !== NOT_PREDICTED;
        const isCorner = (part.top + y) % step === 0 && (part.left + x) % step === 0;
        if (!isDifferent && !isCorner) continue;
        const to = row + Math.floor((part.left + x) / step);
        if (differs[to] === 1) continue;
        if (isDifferent) differs[to] = 1;
        a[to] = one;
        b[to] = other;
      }
    }
  }
  return { ...size, step, a, b };
}
