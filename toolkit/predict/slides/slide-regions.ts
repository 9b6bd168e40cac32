import { z } from 'zod';
import type { CellTask } from '../../../config/tasks.ts';
import { ReigniteError } from '../../errors.ts';
import { readNamedJson } from '../../files/text-file.ts';
import { counted, firstOf, listed } from '../../format.ts';
import { cellDefinition } from '../../tasks/registry.ts';
import type { FoundCell } from '../found-cell.ts';
import type { RegionCells, TumourShare } from '../prediction.ts';
import { areaOfRegion, pointTest, type Polygon as Rings } from './region-shape.ts';

const REMEDY = 'In QuPath: select the annotations, File > Export objects as GeoJSON.';
/** Maximum absolute value of a coordinate, px; far beyond any slide. */
const MAX_COORDINATE = 1e8;

const Position = z.array(z.number().min(-MAX_COORDINATE).max(MAX_COORDINATE)).min(2);
/** QuPath closes rings; others may leave out the last corner, which equals the first. */
const Ring = z.array(Position).min(3);
/** Empty coordinates are those of an object without a shape. */
const Polygon = z.object({ type: z.literal('Polygon'), coordinates: z.array(Ring) });
const MultiPolygon = z.object({ type: z.literal('MultiPolygon'), coordinates: z.array(z.array(Ring)) });

/** Geometries without area, which QuPath exports together with the others. */
const WITHOUT_AREA = {
  Point: 'point',
  MultiPoint: 'set of points',
  LineString: 'line',
  MultiLineString: 'set of lines',
} as const;
const WITHOUT_SHAPE = ['object without a shape'];
const Other = z.object({ type: z.enum(['Point', 'MultiPoint', 'LineString', 'MultiLineString']) });

type Geometry =
  | z.infer<typeof Polygon | typeof MultiPolygon | typeof Other>
  | { readonly type: 'GeometryCollection'; readonly geometries: readonly Geometry[] };
const Geometry: z.ZodType<Geometry> = z.lazy(() =>
  z.discriminatedUnion('type', [
    Polygon,
    MultiPolygon,
    Other,
    z.object({ type: z.literal('GeometryCollection'), geometries: z.array(Geometry) }),
  ]),
);
/** QuPath writes a class of several parts, such as "Tumor: Positive", as `names`. */
const Classification = z.object({ name: z.string().nullish(), names: z.array(z.string()).nullish() });
const Feature = z.object({
  type: z.literal('Feature'),
  geometry: Geometry.nullable(),
  properties: z.object({ name: z.string().nullish(), classification: Classification.nullish() }).nullish(),
});
type Feature = z.infer<typeof Feature>;
const Collection = z.object({ type: z.literal('FeatureCollection'), features: z.array(z.unknown()) });
const BareGeometry = z.object({ type: z.enum(['Polygon', 'MultiPolygon', 'GeometryCollection']) });

/** A region that the user drew, in px of the largest level. */
interface SlideRegion {
  readonly name: string;
  readonly polygons: readonly Rings[];
}

/** The regions of a file. */
export interface DrawnRegions {
  readonly regions: readonly SlideRegion[];
  /** Objects without area, which were left out, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Reads regions that QuPath exported: GeoJSON polygons in pixels of the largest level, named by `name` or else by their
 * class. Points and lines are left out.
 *
 * @throws ReigniteError FILE_MISSING, NOT_READABLE, USAGE for a folder; ANNOTATIONS_INVALID naming the first object that
 *   is not understood, or when no object has an area.
 */
export async function readSlideRegions(path: string): Promise<DrawnRegions> {
  const json = await readNamedJson(path, { code: 'ANNOTATIONS_INVALID', remedy: REMEDY });
  const objects = objectsOf(json, path).map((object, index) => parseObject(object, index, path));
  const regions = objects.flatMap(({ geometry, properties }, index) => {
    const polygons = polygonsOf(geometry);
    return polygons.length === 0 ? [] : [{ name: nameOf(properties, index), polygons }];
  });
  const others = withoutArea(objects);
  if (regions.length === 0) {
    const found = others.length === 0 ? 'no objects' : `only ${listed(others)}, no polygons`;
    throw refused(`The regions file ${path} has ${found}.`);
  }
  const notes = others.length === 0 ? [] : [`Left out of the regions, because they have no area: ${listed(others)}.`];
  return { regions, notes };
}

/** Returns the objects of a document: those of a collection or an array, or the document itself. */
function objectsOf(json: unknown, path: string): readonly unknown[] {
  if (Array.isArray(json)) return json;
  const collection = Collection.safeParse(json);
  if (collection.success) return collection.data.features;
  if (BareGeometry.safeParse(json).success) return [{ type: 'Feature', geometry: json }];
  if (z.object({ type: z.literal('Feature') }).safeParse(json).success) return [json];
  throw refused(
    `The regions file ${path} is not GeoJSON: it is not a Feature, a FeatureCollection or an array of them.`,
  );
}

function parseObject(object: unknown, index: number, path: string): Feature {
  const { data, error } = Feature.safeParse(object);
  if (data !== undefined) return data;
  const [issue] = error.issues;
  const place = issue === undefined || issue.path.length === 0 ? 'it' : issue.path.join('.');
  const what = issue?.message.replace(/\.$/, '') ?? 'not understood';
  throw refused(`Object ${index + 1} of the regions file ${path} is not a GeoJSON feature: ${place}: ${what}.`);
}

function refused(cause: string): ReigniteError {
  return new ReigniteError('ANNOTATIONS_INVALID', cause, { remedy: REMEDY });
}

function polygonsOf(geometry: Geometry | null): readonly Rings[] {
  if (geometry?.type === 'Polygon') return [geometry.coordinates].filter(hasRings);
  if (geometry?.type === 'MultiPolygon') return geometry.coordinates.filter(hasRings);
  return geometry?.type === 'GeometryCollection' ? geometry.geometries.flatMap(polygonsOf) : [];
}

function hasRings({ length }: Rings): boolean {
  return length > 0;
}

function nameOf(properties: Feature['properties'], index: number): string {
  const { name, classification } = properties ?? {};
  const ofClass = classification?.name ?? classification?.names?.join(': ');
  // Line breaks and control characters would disturb tables and the terminal.
  const clean = [name, ofClass].map((text) => text?.replace(/[\s\p{Cc}]+/gu, ' ').trim());
  return clean.find((text) => text !== undefined && text !== '') ?? `region ${index + 1}`;
}

/** Names the kinds of objects without area, with their numbers: "2 points". */
function withoutArea(objects: readonly Feature[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { geometry } of objects) {
    for (const kind of kindsWithoutArea(geometry)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => counted(count, kind, kind.replace(/^\w+/, '$&s')));
}

function kindsWithoutArea(geometry: Geometry | null): readonly string[] {
  if (geometry === null) return WITHOUT_SHAPE;
  switch (geometry.type) {
    case 'GeometryCollection':
      return geometry.geometries.length === 0 ? WITHOUT_SHAPE : geometry.geometries.flatMap(kindsWithoutArea);
    case 'Polygon':
    case 'MultiPolygon':
      return polygonsOf(geometry).length === 0 ? WITHOUT_SHAPE : [];
    default:
      return [WITHOUT_AREA[geometry.type]];
  }
}

/** Says which regions have an unusual outline, one sentence per kind. */
export function remarksOnRegions(regions: readonly { readonly name: string; readonly remark?: string }[]): string[] {
  const byRemark = new Map<string, string[]>();
  for (const { name, remark } of regions) {
    if (remark !== undefined) byRemark.set(remark, [...(byRemark.get(remark) ?? []), name]);
  }
  return [...byRemark].map(([remark, names]) => {
    return `${names.length === 1 ? 'Region' : 'Each of the regions'} ${firstOf(names)} ${remark}.`;
  });
}

/** Returns the class numbers of tumour cells; undefined if the task or the model does not have them. */
export function tumourClasses(task: CellTask, names: readonly string[]) {
  const definition = cellDefinition(task);
  if (!('tumourProportion' in definition) || definition.tumourProportion === undefined) return undefined;
  const { positive, negative } = definition.tumourProportion;
  const numberOf = (wanted: string) => {
    const byName = names.findIndex((name) => name.toLowerCase() === wanted);
    return byName >= 0
      ? byName
      : names.findIndex((name) => definition.classOfName(name.toLowerCase()) === definition.classes.indexOf(wanted));
  };
  const found = { positive: numberOf(positive), negative: numberOf(negative) };
  return found.positive < 0 || found.negative < 0 ? undefined : found;
}

/** Computes the tumour proportion from counts per class. */
export function tumourShare(
  counts: readonly number[],
  classes: { readonly positive: number; readonly negative: number },
): TumourShare {
  const [positive, negative] = [counts[classes.positive] ?? 0, counts[classes.negative] ?? 0];
  const tumour = positive + negative;
  return { positive, negative, percent: tumour === 0 ? null : (100 * positive) / tumour };
}

/** The slide on which regions were drawn. */
interface RegionSlide {
  readonly width: number;
  readonly height: number;
  /** µm per px. */
  readonly mpp?: number;
}

/** Counts the cells of each region. @returns Also what is unusual about its outline. */
export function cellsOfRegions(
  regions: readonly SlideRegion[],
  cells: readonly FoundCell[],
  classes: number,
  { mpp, ...frame }: RegionSlide,
  tumour: ReturnType<typeof tumourClasses>,
): readonly (RegionCells & { readonly remark?: string })[] {
  return regions.map((region) => {
    const isInside = pointTest(region.polygons);
    const { area, remark } = areaOfRegion(region.polygons, frame);
    const counts: number[] = Array(classes).fill(0);
    for (const cell of cells) {
      if (isInside(cell.x, cell.y)) counts[cell.class] = (counts[cell.class] ?? 0) + 1;
    }
    return {
      name: region.name,
      ...(mpp !== undefined && { mm2: (area * mpp * mpp) / 1e6 }),
      counts,
      ...(tumour && { tumour: tumourShare(counts, tumour) }),
      ...(remark !== undefined && { remark }),
    };
  });
}
