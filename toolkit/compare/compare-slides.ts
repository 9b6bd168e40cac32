import type { CellTask } from '../../config/tasks.ts';
import { type ComparedPrediction, comparePointFiles, unlessUnreadable } from './compare-predictions.ts';
import type { SideImage, SideSlide, SideTask } from './side.ts';
import { slideMasksAgreement, withSlideMasks } from './slide-masks.ts';

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
