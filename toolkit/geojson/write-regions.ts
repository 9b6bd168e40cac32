import { type Classification, type ImageFeature, writeFeatures } from './feature-file.ts';
import type { LabelMask } from './label-runs.ts';
import type { Ring } from './ring-store.ts';
import { simplifyRing } from './simplify-ring.ts';
import { type Region, traceRegions } from './trace-regions.ts';

export interface WriteRegionsOptions {
  /** Labels that are written, with their names and colours; others are left out. */
  readonly classes: ReadonlyMap<number, Classification>;
  /** µm a px of the mask, where it is known. */
  readonly mpp?: number;
  /** Largest distance in px by which a border may be smoothed. Default 0: the exact edges of the pixels. */
  readonly simplify?: number;
  /** Regions of fewer pixels are left out; holes stay. Default 1: none is. */
  readonly minArea?: number;
}

/**
 * Writes the connected regions of a mask as polygons with holes: exterior rings counter-clockwise and holes clockwise
 * by the numbers, as RFC 7946 wants them, every ring closed.
 *
 * @returns Number of regions.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeRegions(path: string, mask: LabelMask, options: WriteRegionsOptions): Promise<number> {
  const { width, height } = mask;
  const frame = { width, height, ...(options.mpp !== undefined && { mpp: options.mpp }) };
  return writeFeatures(path, frame, regionFeatures(mask, options));
}

/** The features of a mask, one region each. */
export function* regionFeatures(
  mask: LabelMask,
  { classes, mpp, simplify = 0, minArea = 1 }: WriteRegionsOptions,
): Generator<ImageFeature> {
  for (const region of traceRegions(mask, (label) => classes.has(label))) {
    const classification = classes.get(region.label);
    if (classification === undefined || region.area < minArea) continue;
    yield {
      geometry: { type: 'Polygon', rings: ringsOf(region, simplify) },
      objectType: 'annotation',
      classification,
      measurements: {
        'Area px^2': region.area,
        ...(mpp !== undefined && { 'Area mm^2': (region.area * mpp * mpp) / 1e6 }),
      },
    };
  }
}

function ringsOf({ exterior, holes }: Region, tolerance: number): Ring[] {
  return [exterior, ...holes].map((ring) => simplifyRing(ring, tolerance));
}
