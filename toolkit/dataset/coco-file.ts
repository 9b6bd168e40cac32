import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
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
export type CocoAnnotation = z.infer<typeof Annotation>;
export type CocoCategory = z.infer<typeof Category>;

/** What the detection tasks need of an MS COCO file. */
export interface CocoFile {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoAnnotation[];
  readonly categories: readonly CocoCategory[];
}

/**
 * Reads an MS COCO file; fields that are not needed may be missing or wrong.
 *
 * @throws ReigniteError FILE_MISSING, or ANNOTATIONS_INVALID as {@link parseCocoFile}.
 */
export async function readCocoFile(path: string): Promise<CocoFile> {
  const text = decodeUtf8(await readRecordFile(path), path, 'ANNOTATIONS_INVALID');
  return parseCocoFile(parseRecordJson(text, path, 'ANNOTATIONS_INVALID'), path);
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
    annotations: parseItems(Annotation, 'annotations', lists.data.annotations, file),
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
