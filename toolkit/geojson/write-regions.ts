import { type Classification, type ImageFeature, writeFeatures } from './feature-file.ts';
import type { LabelMask } from './label-runs.ts';
import type { Ring } from './ring-store.ts';
import { simplifyRings } from './simplify-rings.ts';
import { traceRegions } from './trace-regions.ts';

/** What is written of a mask, and how. */
export interface WriteRegionsOptions {
  /** Labels to write, with names and colours; other labels are left out. */
  readonly classes: ReadonlyMap<number, Classification>;
  /** µm per px of the frame, where it is known. */
  readonly mpp?: number;
  /** px of the frame that a px of the mask is, at least 1. Default 1. */
  readonly scale?: number;
  /** What coordinates are of, px. Default: the mask. */
  readonly frame?: { readonly width: number; readonly height: number };
  /** Largest distance in px of the mask by which a border may be smoothed. Default 0: the exact edges of the pixels. */
  readonly simplify?: number;
  /** Regions of fewer pixels of the mask are left out; holes stay. Default 0: none is. */
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
 * @example
 * await writeRegions('mask.geojson', mask, { classes: new Map([[1, { name: 'Tumour', colour: [200, 0, 0] }]]) });
 */
export async function writeRegions(
  path: string,
  mask: LabelMask,
  options: WriteRegionsOptions,
): Promise<{ readonly regions: number; readonly leftOut: LeftOut }> {
  const { width, height } = options.frame ?? mask;
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
  { classes, mpp, scale = 1, simplify = 0, minArea = 0 }: WriteRegionsOptions,
  onLeftOut: (pixels: number) => void,
): Generator<ImageFeature> {
  for (const region of traceRegions(mask, (label) => classes.has(label))) {
    const classification = classes.get(region.label);
    if (classification === undefined) continue;
    if (region.area < minArea) {
      onLeftOut(Math.round(region.area * scale * scale));
      continue;
    }
    const rings = [region.exterior, ...region.holes].map((ring) => (scale === 1 ? ring : scaled(ring, scale)));
    const area = region.area * scale * scale;
    yield {
      geometry: { type: 'Polygon', rings: simplifyRings(rings, simplify * scale) },
      objectType: 'annotation',
      classification,
      measurements: {
        'Area px^2': area,
        ...(mpp !== undefined && { 'Area mm^2': (area * mpp * mpp) / 1e6 }),
      },
    };
  }
}

/** A ring in px of the frame: each coordinate alone, rounded, so that what was apart stays apart and in its order. */
function scaled({ corners, from, to }: Ring, scale: number): Ring {
  const moved = Int32Array.from({ length: to - from }, (_, at) => Math.round((corners[from + at] ?? 0) * scale));
  return { corners: moved, from: 0, to: moved.length };
}
