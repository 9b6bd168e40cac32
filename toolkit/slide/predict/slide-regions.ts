import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { notOpened } from '../../files/disk-error.ts';

const Position = z.array(z.number()).min(2);
const Ring = z.array(Position).min(4);
const Polygon = z.object({ type: z.literal('Polygon'), coordinates: z.array(Ring).min(1) });
const MultiPolygon = z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(z.array(Ring).min(1)).min(1) });
const Feature = z.object({
  type: z.literal('Feature'),
  geometry: z.discriminatedUnion('type', [Polygon, MultiPolygon]),
  properties: z
    .object({ name: z.string().nullish(), classification: z.object({ name: z.string() }).nullish() })
    .nullish(),
});
const RegionsFile = z.union([
  z.object({ type: z.literal('FeatureCollection'), features: z.array(Feature).min(1) }),
  z.array(Feature).min(1),
  Feature,
]);

/** A region that the user drew, in px of the largest level. */
export interface SlideRegion {
  readonly name: string;
  /** Outer borders and holes. A point is inside the region if it is inside an odd number of rings. */
  readonly rings: readonly (readonly (readonly number[])[])[];
  /** px² */
  readonly area: number;
}

/**
 * Reads regions that QuPath exported: GeoJSON polygons in pixels of the largest level, named by `name` or else by their
 * class.
 *
 * @throws ReigniteError FILE_MISSING; ANNOTATIONS_INVALID with the location of the first error.
 */
export async function readSlideRegions(path: string): Promise<readonly SlideRegion[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw notOpened('Regions file', path, cause);
  });
  const remedy = 'In QuPath: select the annotations, File > Export objects as GeoJSON. Only polygons are accepted.';
  let parsed: z.ZodSafeParseResult<z.infer<typeof RegionsFile>>;
  try {
    parsed = RegionsFile.safeParse(JSON.parse(text));
  } catch (cause) {
    throw new ReigniteError('ANNOTATIONS_INVALID', `The regions file ${path} is not JSON.`, { cause, remedy });
  }
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.')}`;
    throw new ReigniteError('ANNOTATIONS_INVALID', `The regions file ${path} is not GeoJSON with polygons${where}.`, {
      remedy,
    });
  }
  const { data } = parsed;
  const features = Array.isArray(data) ? data : data.type === 'FeatureCollection' ? data.features : [data];
  return features.map(({ geometry, properties }, index) => {
    const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
    return {
      name: properties?.name ?? properties?.classification?.name ?? `region ${index + 1}`,
      rings: polygons.flat(),
      area: polygons.reduce((sum, rings) => sum + areaOfPolygon(rings), 0),
    };
  });
}

/** Returns a function that tests whether a point is in a region. */
export function regionTest({ rings }: SlideRegion): (x: number, y: number) => boolean {
  const xs = rings.flatMap((ring) => ring.map(([x = 0]) => x));
  const ys = rings.flatMap((ring) => ring.map(([, y = 0]) => y));
  const minimum = (values: readonly number[]) =>
    values.reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY);
  const maximum = (values: readonly number[]) =>
    values.reduce((most, each) => Math.max(most, each), Number.NEGATIVE_INFINITY);
  const [left, right, top, bottom] = [minimum(xs), maximum(xs), minimum(ys), maximum(ys)];
  return (x, y) => {
    if (x < left || x > right || y < top || y > bottom) return false;
    let isInside = false;
    for (const ring of rings) {
      for (let at = 0, before = ring.length - 1; at < ring.length; before = at++) {
        const [x1 = 0, y1 = 0] = ring[at] ?? [];
        const [x2 = 0, y2 = 0] = ring[before] ?? [];
        if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) isInside = !isInside;
      }
    }
    return isInside;
  };
}

/** Returns the area of the first ring minus the holes. */
function areaOfPolygon([outer = [], ...holes]: readonly (readonly (readonly number[])[])[]): number {
  return areaOfRing(outer) - holes.reduce((sum, hole) => sum + areaOfRing(hole), 0);
}

function areaOfRing(ring: readonly (readonly number[])[]): number {
  let doubled = 0;
  for (const [at, [x1 = 0, y1 = 0]] of ring.entries()) {
    const [x2 = 0, y2 = 0] = ring[(at + 1) % ring.length] ?? [];
    doubled += x1 * y2 - x2 * y1;
  }
  return Math.abs(doubled) / 2;
}
