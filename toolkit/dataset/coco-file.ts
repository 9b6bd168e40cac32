import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { statIfThere } from '../files/if-there.ts';
import { CocoAnnotations } from './coco-annotations.ts';
import { listAtStart, streamCocoItems, type TakeItem } from './coco-stream.ts';
import { decodeUtf8, parseRecordJson, readRecordFile } from './read-text.ts';

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
  /** Used to check the ids only, so that nothing depends on it being there. */
  name: z.string().optional().catch(undefined),
});

const Lists = z.object({
  images: z.array(z.unknown()),
  annotations: z.array(z.unknown()),
  categories: z.array(z.unknown()),
});

export type CocoImage = z.infer<typeof Image>;
export type CocoCategory = z.infer<typeof Category>;

/** What the detection tasks need of an MS COCO file. */
export interface CocoFile {
  readonly images: readonly CocoImage[];
  readonly annotations: CocoAnnotations;
  readonly categories: readonly CocoCategory[];
}

/**
 * Reads an MS COCO file; fields that are not needed may be missing or wrong. A large file that was read before and has not
 * changed since is not read again: most activities of a detection task need it.
 *
 * @param options.streamedFrom - Size in bytes from which a file is read item by item.
 * @throws ReigniteError FILE_MISSING, or ANNOTATIONS_INVALID as {@link parseCocoFile}.
 */
export async function readCocoFile(
  path: string,
  { streamedFrom = STREAMED_FROM }: { readonly streamedFrom?: number } = {},
): Promise<CocoFile> {
  const stamp = await stampOf(path);
  const kept = KEPT.get(path);
  if (stamp !== undefined && kept?.stamp === stamp) return kept.file;
  const file = await readAnew(path, streamedFrom);
  if (stamp !== undefined && stamp === (await stampOf(path))) keep(path, stamp, file);
  return file;
}

/**
 * Finds the images that a COCO file lists near its beginning, before the annotations.
 *
 * @param start - The first bytes of the file.
 * @param file - Names the file in errors.
 * @returns Undefined where the list is not in there as a whole, or empty.
 * @throws ReigniteError ANNOTATIONS_INVALID when an item is not as expected.
 */
export function imagesAtStart(start: Uint8Array, file: string): readonly CocoImage[] | undefined {
  const list = listAtStart(start, 'images');
  return Array.isArray(list) && list.length > 0 ? parseItems(Image, 'images', list, file) : undefined;
}

/** Below it a file is read in no time, in bytes; its changes may also be too fast for the clock of the file system. */
const KEPT_FROM = 2 ** 20;
/** One for each detection task. */
const MOST_KEPT = 2;
const KEPT = new Map<string, { readonly stamp: string; readonly file: CocoFile }>();

function keep(path: string, stamp: string, file: CocoFile): void {
  KEPT.delete(path);
  KEPT.set(path, { stamp, file });
  const [oldest] = KEPT.keys();
  if (KEPT.size > MOST_KEPT && oldest !== undefined) KEPT.delete(oldest);
}

/** What changes with the content of a large file; undefined for a small one, or none. */
async function stampOf(path: string): Promise<string | undefined> {
  const found = await statIfThere(path);
  if (found === undefined || found.size < KEPT_FROM) return undefined;
  return [found.dev, found.ino, found.size, found.mtimeMs, found.ctimeMs].join(' ');
}

/** A smaller file is parsed as a whole, which takes a third of the time. Unit: bytes. */
const STREAMED_FROM = 2 ** 24;

async function readAnew(path: string, streamedFrom: number): Promise<CocoFile> {
  const found = new FoundItems();
  const isLarge = ((await statIfThere(path))?.size ?? 0) >= streamedFrom;
  const isStreamed = isLarge && (await streamCocoItems(path, found.take).catch(() => false));
  if (isStreamed) return { images: found.images, annotations: found.annotations, categories: found.categories };
  const text = decodeUtf8(await readRecordFile(path), path, 'ANNOTATIONS_INVALID');
  return parseCocoFile(parseRecordJson(text, path, 'ANNOTATIONS_INVALID'), path);
}

/** Items of a file as they are read. */
class FoundItems implements CocoFile {
  readonly images: CocoImage[] = [];
  readonly annotations = new CocoAnnotations();
  readonly categories: CocoCategory[] = [];
  readonly #takers = {
    images: taker(Image, this.images),
    annotations: taker(Annotation, this.annotations),
    categories: taker(Category, this.categories),
  };

  readonly take: TakeItem = (list, item) => this.#takers[list](item);
}

/** Puts items into a list; one that is not as expected, or whose id came before, is refused. */
function taker<T extends { readonly id: number }>(
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
 * @param file - Names the file in errors.
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

/** One by one, so that a file of a million wrong entries is refused at the first. */
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
