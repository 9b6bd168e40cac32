import { type Classification, type ImageFeature, writeFeatures } from './feature-file.ts';
import type { Ring } from './ring-store.ts';
import { simplifyRings } from './simplify-rings.ts';
import { type LabelMask, traceRegions } from './trace-regions.ts';

/** Options of `writeRegions`. */
export interface WriteRegionsOptions {
  /** Labels to write, with names and colours. Other labels are left out. */
  readonly classes: ReadonlyMap<number, Classification>;
  /** µm per px of the frame, if known. */
  readonly mpp?: number;
  /** px of the frame per px of the mask, at least 1. Default 1. */
  readonly scale?: number;
  /** Size of the image to which coordinates refer, px. Default: that of the mask. */
  readonly frame?: { readonly width: number; readonly height: number };
  /** Tolerance of smoothing borders, px of the mask. Default 0: exact pixel edges. */
  readonly simplify?: number;
  /** Regions with fewer pixels of the mask are left out; holes are kept. Default 0: all regions are written. */
  readonly minArea?: number;
}

/** Regions too small to be written. */
export interface LeftOut {
  readonly regions: number;
  /** Pixels of the frame in these regions together. */
  readonly pixels: number;
}

/**
 * Writes the connected regions of a mask as GeoJSON polygons with holes. Every ring is closed; exterior rings are
 * counter-clockwise and holes clockwise, as [RFC 7946](https://www.rfc-editor.org/rfc/rfc7946#section-3.1.6) requires.
 *
 * Every polygon is valid according to OGC Simple Features, also after simplification.
 *
 * @returns Number of regions written, and what was left out.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 * @example
 * await writeRegions('mask.geojson', mask, { classes: new Map([[1, { name: 'Tumour', color: [200, 0, 0] }]]) });
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

/** Yields one feature per region of a mask. */
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

/** Scales a ring to px of the frame. With a scale of at least 1, rounding keeps different coordinates apart and in order. */
function scaled({ corners, from, to }: Ring, scale: number): Ring {
  const moved = Int32Array.from({ length: to - from }, (_, at) => Math.round((corners[from + at] ?? 0) * scale));
  return { corners: moved, from: 0, to: moved.length };
}
