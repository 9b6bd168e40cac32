/** Bytes that the layers of all ROIs take at most; the page, its figures and its script have the rest of 30 MB. */
const ALL_LAYERS = 24_000_000;
/** Bytes of one ROI's layers where there are few. */
const LARGEST_ROI = 600_000;

/** ROIs with layers of their own at most: beyond, those that differ most have them. */
export const MOST_VIEWED = 1_000;

/** How an ROI's bytes are divided. */
export const SHARES = { image: 0.5, mask: 0.12, margin: 0.09, differ: 0.05, points: 0.12 } as const;

/**
 * Bytes for the layers of one ROI, so that a report stays below 30 MB however many ROIs it has.
 *
 * @param rois - ROIs with layers, at least 1.
 */
export function bytesAnRoi(rois: number): number {
  return Math.min(LARGEST_ROI, Math.floor(ALL_LAYERS / Math.max(1, rois)));
}

/** Longer sides that a layer may have, in px, from the finest down. */
export const EDGES = [1_600, 1_280, 1_024, 800, 640, 512, 400, 320, 256, 192, 128, 96] as const;

/**
 * The finest encoding of a layer that keeps to its bytes.
 *
 * @param longest - Longer side of the ROI in px: a layer is never finer than the ROI.
 * @param encode - Encodes the layer so that its longer side has that many px.
 * @returns undefined when even the coarsest is too large.
 */
export async function finestWithin(
  limit: number,
  longest: number,
  encode: (edge: number) => Promise<Uint8Array>,
): Promise<Uint8Array | undefined> {
  const coarser = EDGES.filter((edge) => edge < longest);
  const edges = longest <= EDGES[0] ? [longest, ...coarser] : coarser;
  for (const edge of edges) {
    const bytes = await encode(edge);
    if (bytes.length <= limit) return bytes;
  }
  return undefined;
}
