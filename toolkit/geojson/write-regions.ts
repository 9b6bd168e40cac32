import { type Classification, type ImageFeature, writeFeatures } from './feature-file.ts';
import type { LabelMask } from './label-runs.ts';
import { simplifyRings } from './simplify-rings.ts';
import { traceRegions } from './trace-regions.ts';

/** What is written of a mask, and how. */
export interface WriteRegionsOptions {
  /** Labels to write, with names and colours; other labels are left out. */
  readonly classes: ReadonlyMap<number, Classification>;
  /** Pixel size in µm. @default unknown: areas are given in px only */
  readonly mpp?: number;
  /** Simplification tolerance in px. @default 0, the exact pixel edges */
  readonly simplify?: number;
  /** Smallest region to write, in px; holes are kept. @default 0, all regions */
  readonly minArea?: number;
}

/** Regions too small to be written. */
export interface LeftOut {
  readonly regions: number;
  /** Of all of them. */
  readonly pixels: number;
}

/**
 * Writes the connected regions of a mask as GeoJSON polygons with holes: exterior rings counter-clockwise and holes
 * clockwise, as [RFC 7946](https://www.rfc-editor.org/rfc/rfc7946#section-3.1.6) requires, every ring closed.
 *
 * Every polygon is valid by OGC Simple Features, also after simplification.
 *
 * @returns Number of regions written, and what was left out.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeRegions(
  path: string,
  mask: LabelMask,
  options: WriteRegionsOptions,
): Promise<{ readonly regions: number; readonly leftOut: LeftOut }> {
  const { width, height } = mask;
  const frame = { width, height, ...(options.mpp !== undefined && { mpp: options.mpp }) };
  const leftOut = { regions: 0, pixels: 0 };
  const features = regionFeatures(mask, options, (pixels) => {
    leftOut.regions += 1;
    leftOut.pixels += pixels;
  });
  return { regions: await writeFeatures(path, frame, features), leftOut };
}

/** The features of a mask, one region each. */
function* regionFeatures(
  mask: LabelMask,
  { classes, mpp, simplify = 0, minArea = 0 }: WriteRegionsOptions,
  onLeftOut: (pixels: number) => void,
): Generator<ImageFeature> {
  for (const region of traceRegions(mask, (label) => classes.has(label))) {
    const classification = classes.get(region.label);
    if (classification === undefined) continue;
    if (region.area < minArea) {
      onLeftOut(region.area);
      continue;
    }
    yield {
      geometry: { type: 'Polygon', rings: simplifyRings([region.exterior, ...region.holes], simplify) },
      objectType: 'annotation',
      classification,
      measurements: {
        'Area px^2': region.area,
        ...(mpp !== undefined && { 'Area mm^2': (region.area * mpp * mpp) / 1e6 }),
      },
    };
  }
}
