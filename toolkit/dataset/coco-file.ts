import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { statIfThere } from '../files/file-access.ts';
import { decodeUtf8, parseRecordJson, readRecordFile } from '../files/text-file.ts';
import { listAtStart, streamCocoItems, type TakeItem } from './coco-stream.ts';

/** A box of an MS COCO file. */
export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  /** In px: left, top, width, height. */
  readonly bbox: readonly [number, number, number, number];
}

/** Numbers per annotation: ID, image, category, four of the box. */
const NUMBERS = 7;
const INITIAL_CAPACITY = 1_024;

/**
 * Annotations of an MS COCO file, in file order. They are stored as plain numbers, 56 bytes each: as objects, the
 * 845,509 of the record would take several times as much memory.
 */
export class CocoAnnotations implements Iterable<CocoAnnotation> {
  #numbers = new Float64Array(INITIAL_CAPACITY * NUMBERS);
  #length = 0;

  /** Collects annotations in their order. */
  static of(items: Iterable<CocoAnnotation>): CocoAnnotations {
    const all = new CocoAnnotations();
    for (const item of items) all.push(item);
    return all;
  }

  get length(): number {
    return this.#length;
  }

  push({ id, image_id, category_id, bbox }: CocoAnnotation): void {
    const at = this.#length * NUMBERS;
    if (at === this.#numbers.length) this.#grow();
    this.#numbers.set([id, image_id, category_id, ...bbox], at);
    this.#length++;
  }

  *[Symbol.iterator](): IterableIterator<CocoAnnotation> {
    for (let index = 0; index < this.#length; index++) {
      const at = index * NUMBERS;
      const bbox = [this.#at(at + 3), this.#at(at + 4), this.#at(at + 5), this.#at(at + 6)] as const;
      yield { id: this.#at(at), image_id: this.#at(at + 1), category_id: this.#at(at + 2), bbox };
    }
  }

  #at(index: number): number {
    return this.#numbers[index] ?? 0;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#numbers.length);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

const Id = z.int();

const Image = z.object({
  id: Id,
  file_name: z
    .string()
    .min(1)
    .refine((name) => !/[/\\\0]/.test(name) && name !== '.' && name !== '..', 'Expected a file name without a folder'),
  /** The annotated part of the image in px: left, top, right, bottom. */
  annotated_xyxy: z.tuple([z.number(), z.number(), z.number(), z.number()]),
});

const Annotation = z.object({
  id: Id,
  image_id: Id,
  category_id: Id,
  /** In px: left, top, width, height. */
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
});

const Category = z.object({
  id: Id,
  supercategory: z.string(),
  /** Optional, since it only serves to check the IDs. */
  name: z.string().optional().catch(undefined),
});

const Lists = z.object({
  images: z.array(z.unknown()),
  annotations: z.array(z.unknown()),
  categories: z.array(z.unknown()),
});

export type CocoImage = z.infer<typeof Image>;
export type CocoCategory = z.infer<typeof Category>;

/** The parts of an MS COCO file that the detection tasks need. */
export interface CocoFile {
  readonly images: readonly CocoImage[];
  readonly annotations: CocoAnnotations;
  readonly categories: readonly CocoCategory[];
}

/**
 * Reads an MS COCO file; fields that are not needed may be missing or wrong. A large file is cached until it changes,
 * since most activities of a detection task need it.
 *
 * @param options.streamedFrom - Size in bytes from which a file is streamed item by item.
 * @throws ReigniteError FILE_MISSING, or ANNOTATIONS_INVALID as {@link parseCocoFile}.
 */
export async function readCocoFile(
  path: string,
  { streamedFrom = STREAMED_FROM }: { readonly streamedFrom?: number } = {},
): Promise<CocoFile> {
  const stamp = await stampOf(path);
  const kept = KEPT.get(path);
  if (stamp !== undefined && kept?.stamp === stamp) return kept.file;
  const file = await readUncached(path, streamedFrom);
  if (stamp !== undefined && stamp === (await stampOf(path))) keep(path, stamp, file);
  return file;
}

/**
 * Returns the images that a COCO file lists near its start, before the annotations.
 *
 * @param start - The first bytes of the file.
 * @param file - Names the file in errors.
 * @returns Undefined if the list is incomplete or empty.
 * @throws ReigniteError ANNOTATIONS_INVALID if an item is invalid.
 */
export function imagesAtStart(start: Uint8Array, file: string): readonly CocoImage[] | undefined {
  const list = listAtStart(start, 'images');
  return Array.isArray(list) && list.length > 0 ? parseItems(Image, 'images', list, file) : undefined;
}

/**
 * Size in bytes from which files are cached. Smaller ones are read quickly, and may change faster than the file
 * system's clock shows.
 */
const KEPT_FROM = 2 ** 20;
/** Maximum number of cached files: one per detection task. */
const MAX_KEPT = 2;
const KEPT = new Map<string, { readonly stamp: string; readonly file: CocoFile }>();

function keep(path: string, stamp: string, file: CocoFile): void {
  KEPT.delete(path);
  KEPT.set(path, { stamp, file });
  const [oldest] = KEPT.keys();
  if (KEPT.size > MAX_KEPT && oldest !== undefined) KEPT.delete(oldest);
}

/** Returns a text that changes with the content of a large file; undefined for a small or missing one. */
async function stampOf(path: string): Promise<string | undefined> {
  const found = await statIfThere(path);
  if (found === undefined || found.size < KEPT_FROM) return undefined;
  return [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(' ');
}

/** Size in bytes below which a file is parsed as a whole, which takes a third of the time. */
const STREAMED_FROM = 2 ** 24;

async function readUncached(path: string, streamedFrom: number): Promise<CocoFile> {
  const found = new FoundItems();
  const isLarge = ((await statIfThere(path))?.size ?? 0) >= streamedFrom;
  const isStreamed = isLarge && (await streamCocoItems(path, found.take).catch(() => false));
  if (isStreamed) return { images: found.images, annotations: found.annotations, categories: found.categories };
  const text = decodeUtf8(await readRecordFile(path), path, 'ANNOTATIONS_INVALID');
  return parseCocoFile(parseRecordJson(text, path, 'ANNOTATIONS_INVALID'), path);
}

/** Collects the items of a file as they are read. */
class FoundItems implements CocoFile {
  readonly images: CocoImage[] = [];
  readonly annotations = new CocoAnnotations();
  readonly categories: CocoCategory[] = [];
  readonly #collectors = {
    images: collector(Image, this.images),
    annotations: collector(Annotation, this.annotations),
    categories: collector(Category, this.categories),
  };

  readonly take: TakeItem = (list, item) => this.#collectors[list](item);
}

/** Returns a function that adds items to a list, and returns false for an invalid item or a repeated ID. */
function collector<T extends { readonly id: number }>(
  schema: z.ZodType<T>,
  items: { push(item: T): unknown },
): (item: unknown) => boolean {
  const ids = new Set<number>();
  return (item) => {
    const { data } = schema.safeParse(item);
    if (data === undefined || ids.has(data.id)) return false;
    ids.add(data.id);
    items.push(data);
    return true;
  };
}

/**
 * Validates a parsed MS COCO file.
 *
 * @param file - How errors name the file.
 * @throws ReigniteError ANNOTATIONS_INVALID naming the first field that is missing or wrong, or an id that occurs twice.
 */
export function parseCocoFile(document: unknown, file: string): CocoFile {
  const lists = Lists.safeParse(document);
  if (!lists.success) throw invalidField(file, [], lists.error);
  return {
    images: parseItems(Image, 'images', lists.data.images, file),
    annotations: CocoAnnotations.of(parseItems(Annotation, 'annotations', lists.data.annotations, file)),
    categories: parseItems(Category, 'categories', lists.data.categories, file),
  };
}

/** Validates items one by one, so that a file with a million invalid entries fails at the first. */
function parseItems<T extends { readonly id: number }>(
  schema: z.ZodType<T>,
  list: string,
  items: readonly unknown[],
  file: string,
): T[] {
  const ids = new Map<number, number>();
  return items.map((item, index) => {
    const parsed = schema.safeParse(item);
    if (!parsed.success) throw invalidField(file, [list, index], parsed.error);
    const { id } = parsed.data;
    const first = ids.get(id);
    if (first !== undefined) {
      const cause = `${file}: ${list}.${index}.id: the id ${id} occurs twice in ${list}, first at ${list}.${first}.id.`;
      throw new ReigniteError('ANNOTATIONS_INVALID', cause);
    }
    ids.set(id, index);
    return parsed.data;
  });
}

function invalidField(file: string, place: readonly PropertyKey[], error: z.ZodError): ReigniteError {
  const issue = error.issues[0];
  const field = [...place, ...(issue?.path ?? [])].map(String).join('.');
  const cause = `${file}: ${field === '' ? 'the document' : field}: ${issue?.message ?? 'not understood'}.`;
  return new ReigniteError('ANNOTATIONS_INVALID', cause, { cause: error });
}
