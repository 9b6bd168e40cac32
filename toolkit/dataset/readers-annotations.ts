import { parse } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { ReigniteError } from '../errors.ts';
import type { CellPoint } from '../metrics/points-file.ts';
import { cellDefinition, type ReaderGroup } from '../tasks/registry.ts';
import { type CategoryDoubt, type CategoryRule, classesOfCategories, doubtOnCategories } from './category-classes.ts';
import {
  type CocoAnnotation,
  type CocoAnnotations,
  type CocoCategory,
  type CocoFile,
  type CocoImage,
  parseCocoFile,
  readCocoFile,
} from './coco-file.ts';

/** The reader of each category of a COCO file. */
export interface ReadersOfCategories {
  /** Names of the readers as in the file, in the requested order; the requested name for a reader that the file lacks. */
  readonly names: readonly string[];
  /** Index into `names` by category ID; a category of no reader is missing. */
  readonly byCategory: ReadonlyMap<number, number>;
}

/**
 * Finds the readers of the categories by their supercategory.
 *
 * pycocotools tests whether the supercategory is *in* the string "reader P1", so that any substring matches: "P1" means
 * the same reader. In the authors' code, a substring that several names share, such as "reader", gives each of them all
 * annotations; here it is an error.
 *
 * @param readers - Names that the authors' scripts search for.
 * @param file - How errors name the file.
 * @throws ReigniteError ANNOTATIONS_INVALID when a supercategory fits several readers.
 */
function readersOfCategories(
  categories: readonly CocoCategory[],
  readers: readonly string[],
  file: string,
): ReadersOfCategories {
  const spellings = readers.map(() => new Set<string>());
  const byCategory = new Map<number, number>();
  for (const { id, supercategory } of categories) {
    const fitting = readers.flatMap((reader, index) => (reader.includes(supercategory) ? [index] : []));
    const [reader] = fitting;
    if (reader === undefined) continue;
    if (fitting.length > 1) {
      const fits = fitting.map((index) => readers[index]).join(', ');
      const cause = `${file}: the supercategory "${supercategory}" of category ${id} fits several readers: ${fits}.`;
      throw new ReigniteError('ANNOTATIONS_INVALID', cause);
    }
    byCategory.set(id, reader);
    spellings[reader]?.add(supercategory);
  }
  const names = readers.map((reader, index) => {
    const [spelling = reader, ...others] = spellings[index] ?? [];
    return others.length === 0 ? spelling : reader;
  });
  return { names, byCategory };
}

/** An image that readers annotated. */
export interface AnnotatedImage {
  readonly id: number;
  /** Name of the file in `images/pdl1/<task>`. */
  readonly fileName: string;
  /** File name without extension, which names the image in results. */
  readonly stem: string;
  /** The annotated part in px: left, top, right, bottom. */
  readonly annotatedXyxy: readonly [number, number, number, number];
}

/** Annotations that belong to no reader or no image of the task, with the reason. */
export interface UnusedAnnotations {
  readonly reason: 'category of no reader' | 'image not listed';
  /** IDs of those categories or images. */
  readonly ids: readonly number[];
  readonly annotations: number;
}

/** Annotations of all readers of a detection task. */
export interface ReaderAnnotations {
  readonly task: CellTask;
  /** Sorted by ID, as in the authors' loader. */
  readonly images: readonly AnnotatedImage[];
  /** The groups of the task; readers are named as in the file. */
  readonly groups: readonly ReaderGroup[];
  /** Points by reader, then by image ID, in file order. Images without points of the reader are missing. */
  readonly points: ReadonlyMap<string, ReadonlyMap<number, readonly CellPoint[]>>;
  readonly unused: readonly UnusedAnnotations[];
  /** Set if the IDs of the categories probably give wrong classes. */
  readonly doubt?: CategoryDoubt;
}

/**
 * Position of the cell in its box: `first` as in the authors' code, see `centreOffset`; `own` for the centre of the
 * box.
 */
export type BoxCentre = 'first' | 'own';

/**
 * Reads the COCO file with the annotations of all readers of a detection task.
 *
 * @throws ReigniteError FILE_MISSING; ANNOTATIONS_INVALID as {@link parseReaderAnnotations}, or when the readers of a
 *   group have categories but no annotation in any image of the file.
 */
export async function readReaderAnnotations(
  path: string,
  task: CellTask,
  centre: BoxCentre = 'first',
  rule: CategoryRule = 'by-id',
): Promise<ReaderAnnotations> {
  const coco = await readCocoFile(path);
  const annotations = annotationsOf(coco, { task, file: path, centre, rule });
  expectAnnotatedGroups(annotations, coco, path);
  return annotations;
}

/**
 * Groups points by reader and image like the authors' inference.py.
 *
 * @param document - The parsed JSON of the COCO file.
 * @param file - How errors name the file.
 * @throws ReigniteError ANNOTATIONS_INVALID when a field is missing or wrong, an ID occurs twice, two images have the
 *   same stem, a supercategory fits several readers or none fits any, there is no image, or no annotation has ID 0.
 */
export function parseReaderAnnotations(document: unknown, task: CellTask, file: string): ReaderAnnotations {
  return annotationsOf(parseCocoFile(document, file), { task, file, centre: 'first', rule: 'by-id' });
}

/** Returns the points of every reader who annotated an image, in the order of the readers. */
export function readersOn(annotations: ReaderAnnotations, image: number): readonly (readonly CellPoint[])[] {
  return [...annotations.points.values()].flatMap((ofReader) => {
    const points = ofReader.get(image);
    return points === undefined ? [] : [points];
  });
}

interface Reading {
  readonly task: CellTask;
  /** How errors name the file. */
  readonly file: string;
  readonly centre: BoxCentre;
  readonly rule: CategoryRule;
}

function annotationsOf(coco: CocoFile, { task, file, centre, rule }: Reading): ReaderAnnotations {
  const wanted: readonly ReaderGroup[] = cellDefinition(task).groups;
  const readers = wanted.flatMap((group) => group.readers);
  const { names, byCategory } = readersOfCategories(coco.categories, readers, file);
  if (byCategory.size === 0) {
    throw new ReigniteError('ANNOTATIONS_INVALID', `${file}: no category belongs to one of ${readers.join(', ')}.`);
  }
  if (coco.images.length === 0) throw new ReigniteError('ANNOTATIONS_INVALID', `${file} lists no image to score.`);
  const classes = classesOfCategories(coco.categories, byCategory, { task, rule, file });
  const images = coco.images.map(annotatedImage).sort((a, b) => a.id - b.id);
  expectDistinctStems(images, file);
  const offset = centreOffset(coco.annotations, file);
  const points = new Map(names.map((name) => [name, new Map<number, CellPoint[]>()]));
  const listed = new Set(images.map(({ id }) => id));
  const ofNoReader = new UnusedCount('category of no reader');
  const ofNoImage = new UnusedCount('image not listed');
  const inCategory = new Map<number, number>();
  for (const annotation of coco.annotations) {
    const { image_id, category_id } = annotation;
    inCategory.set(category_id, (inCategory.get(category_id) ?? 0) + 1);
    const ofReader = points.get(names[byCategory.get(category_id) ?? -1] ?? '');
    if (ofReader === undefined) ofNoReader.add(category_id);
    else if (!listed.has(image_id)) ofNoImage.add(image_id);
    else {
      const shift = centre === 'first' ? ([offset, offset] as const) : ownOffset(annotation);
      const point = pointOf(annotation, shift, classes.get(category_id) ?? 0);
      const ofImage = ofReader.get(image_id);
      if (ofImage === undefined) ofReader.set(image_id, [point]);
      else ofImage.push(point);
    }
  }
  const groups = wanted.map((group) => ({
    name: group.name,
    readers: group.readers.map((reader) => names[readers.indexOf(reader)] ?? reader),
  }));
  const unused = [...ofNoReader.counted(), ...ofNoImage.counted()];
  const countOf = (category: number) => inCategory.get(category) ?? 0;
  const doubt = rule === 'by-id' ? doubtOnCategories(coco.categories, byCategory, countOf, task) : undefined;
  return { task, images, groups, points, unused, ...(doubt && { doubt }) };
}

/** Converts an image of the COCO file. */
export function annotatedImage({ id, file_name, annotated_xyxy }: CocoImage): AnnotatedImage {
  return { id, fileName: file_name, stem: parse(file_name).name, annotatedXyxy: annotated_xyxy };
}

/** Results are named by stem, so that two images with the same stem would be mixed up. */
function expectDistinctStems(images: readonly AnnotatedImage[], file: string): void {
  const seen = new Map<string, string>();
  for (const { stem, fileName } of images) {
    const other = seen.get(stem);
    if (other !== undefined) {
      const cause = `${file}: the images ${other} and ${fileName} have the same name without extension.`;
      throw new ReigniteError('ANNOTATIONS_INVALID', cause);
    }
    seen.set(stem, fileName);
  }
}

/**
 * Returns half the height of the box *of the annotation with ID 0*, rounded down. This is a quirk of the authors' code,
 * which adds this one number to left and top of every box to find its centre. In the record, all boxes are squares of
 * one size.
 */
function centreOffset(annotations: CocoAnnotations, file: string): number {
  let first: CocoAnnotation | undefined;
  for (const annotation of annotations) if (annotation.id === 0) first ??= annotation;
  if (first === undefined) {
    const none = annotations.length === 0 ? 'there are no annotations to score; ' : '';
    const cause = `${file}: ${none}no annotation has the id 0, whose box gives the centre of all boxes.`;
    throw new ReigniteError('ANNOTATIONS_INVALID', cause);
  }
  return Math.floor(first.bbox[3] / 2);
}

/** Returns half the width and half the height of a box, not rounded: only the authors' common offset is. */
function ownOffset({ bbox: [, , width, height] }: CocoAnnotation): readonly [number, number] {
  return [width / 2, height / 2];
}

function pointOf({ bbox }: CocoAnnotation, [right, down]: readonly [number, number], of: number): CellPoint {
  return { x: bbox[0] + right, y: bbox[1] + down, class: of };
}

/** Rejects a group whose readers are in the file but annotated none of its images: all its scores would be empty. */
function expectAnnotatedGroups({ groups, points }: ReaderAnnotations, { categories }: CocoFile, file: string): void {
  for (const { name, readers } of groups) {
    const isInFile = categories.some(({ supercategory }) => readers.some((reader) => reader.includes(supercategory)));
    const isAnnotated = readers.some((reader) => (points.get(reader)?.size ?? 0) > 0);
    if (!isInFile || isAnnotated) continue;
    const cause = `${file}: none of ${readers.join(', ')} (${name}) annotated an image that the file lists.`;
    throw new ReigniteError('ANNOTATIONS_INVALID', cause, {
      remedy:
        'Check the ids of images and categories in the annotations, or leave the categories of these readers out.',
    });
  }
}

class UnusedCount {
  readonly #reason: UnusedAnnotations['reason'];
  readonly #ids = new Set<number>();
  #annotations = 0;

  constructor(reason: UnusedAnnotations['reason']) {
    this.#reason = reason;
  }

  add(id: number): void {
    this.#ids.add(id);
    this.#annotations++;
  }

  counted(): UnusedAnnotations[] {
    if (this.#annotations === 0) return [];
    return [{ reason: this.#reason, ids: [...this.#ids].sort((a, b) => a - b), annotations: this.#annotations }];
  }
}
