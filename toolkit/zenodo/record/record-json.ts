import { z } from 'zod';
import { foldedPath } from '../../archive/check-entries.ts';
import { isArchive, rootOfArchive } from '../../dataset/layout.ts';

/** Extensions of temporary files next to a download. A file of the record with such a name would be overwritten. */
const HELPERS = ['.part', '.part.json', '.part.lock', '.pieces', '.pieces.json'];
/** Folder in the data folder for archives that are not unpacked yet. */
const ARCHIVES = 'archives';
/** File systems allow 255 bytes; the extensions of temporary files need the rest. */
const MAX_NAME_BYTES = 220;

/**
 * Returns why a key of a record cannot be used as a path in the data folder.
 *
 * @returns Undefined if the key can be used.
 */
function faultOfKey(key: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the check looks for them
  if (/[\u0000-\u001f\u007f]/.test(key) || /\p{Surrogate}/u.test(key))
    return 'has control characters or broken Unicode';
  if (key.includes('\\')) return 'has a backslash';
  if (/^[a-z]:/i.test(key) || key.startsWith('/')) return 'is an absolute path';
  const parts = key.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'has an empty part, "." or ".."';
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) return `is longer than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}

/**
 * Finds two files of a record that cannot both be stored: they are the same file on a disk that ignores case or Unicode
 * forms, the name of one is that of a folder that the other needs, or of a temporary file of the other's download.
 *
 * @returns A sentence that names both; undefined if there is no collision.
 */
function collisionOfKeys(keys: readonly string[]): string | undefined {
  const taken = new Map<string, string>();
  for (const key of keys) {
    const place = placeOf(key);
    const other = taken.get(place);
    if (other === key) return `${quoted(key)} occurs twice`;
    if (other !== undefined) return `${quoted(other)} and ${quoted(key)} are one file on disks that ignore case`;
    taken.set(place, key);
  }
  for (const key of keys) {
    const helper = HELPERS.map((ending) => taken.get(`${placeOf(key)}${ending}`)).find((other) => other !== undefined);
    if (helper !== undefined) return `${quoted(helper)} has the name of the unfinished download of ${quoted(key)}`;
    const inWay = foldersOf(key).map((folder) => taken.get(folder));
    const file = inWay.find((other) => other !== undefined);
    if (file !== undefined) return `${quoted(key)} needs a folder where ${quoted(file)} is a file`;
  }
  return undefined;
}

/** Returns where a file is stored in the data folder, as a key that is equal on disks that ignore case. */
function placeOf(key: string): string {
  return foldedPath(isArchive(key) ? `${ARCHIVES}/${key}` : key);
}

/** Lists the folders that a file, or what is unpacked from it, needs. */
function foldersOf(key: string): readonly string[] {
  const parts = placeOf(key).split('/');
  const above = parts.slice(1).map((_, k) => parts.slice(0, k + 1).join('/'));
  const root = rootOfArchive({ key });
  return root === undefined ? above : [...above, root];
}

function quoted(key: string): string {
  return JSON.stringify(key);
}

const Key = z
  .string()
  .min(1)
  .superRefine((key, context) => {
    const fault = faultOfKey(key);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: `not the name of a file: it ${fault}` });
  });

const Size = z.int().nonnegative();

/** Zenodo writes `md5:<hex>`; its older API omits the prefix. */
const Md5 = z
  .string()
  .regex(/^(md5:)?[0-9a-f]{32}$/i, 'expected md5:<32 hex digits>')
  .transform((checksum) => checksum.slice(-32).toLowerCase());

const Link = z
  .string()
  .min(1)
  .refine((link) => isHttpAddress(link), 'not an http address');
const Links = z.object({ content: Link.optional(), download: Link.optional(), self: Link.optional() });
type Links = z.output<typeof Links>;

/** Chooses the link to the content. If there is `content` or `download`, `self` is a link to metadata. */
function linkOf(links: Links | undefined): string | undefined {
  return links?.content ?? links?.download ?? links?.self;
}

const TodaysFile = z
  .object({ key: Key, size: Size, checksum: Md5, links: Links.optional() })
  .transform(({ key, size, checksum, links }) => ({ key, size, md5: checksum, link: linkOf(links) }));

const LegacyFile = z
  .object({ filename: Key, filesize: Size, checksum: Md5, links: Links.optional() })
  .transform(({ filename, filesize, checksum, links }) => ({
    key: filename,
    size: filesize,
    md5: checksum,
    link: linkOf(links),
  }));

/** Parses an entry in the old or the new format, depending on its fields, so that errors name fields that it has. */
const File = z.unknown().transform((value, context) => {
  const legacy = typeof value === 'object' && value !== null && 'filename' in value && !('key' in value);
  const parsed = (legacy ? LegacyFile : TodaysFile).safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message });
  return z.NEVER;
});

/** A list, or InvenioRDM's object with `entries` (an object by name, or a list). */
const Files = z.preprocess(
  (files) => {
    if (typeof files !== 'object' || files === null || !('entries' in files) || Array.isArray(files)) return files;
    const { entries } = files;
    return typeof entries === 'object' && entries !== null ? Object.values(entries) : entries;
  },
  z.array(File).superRefine((files, context) => {
    const collision = collisionOfKeys(files.map(({ key }) => key));
    if (collision !== undefined) context.addIssue({ code: 'custom', message: collision });
  }),
);

const Text = z.string().nullish();
const Id = z.union([z.int(), z.string().min(1)]);

/** The list of files that `/records/:id/files` returns. */
export const FilesJson = Files;

/** InvenioRDM may state only whether there are files, which must then be requested. A metadata-only record has none. */
function listed(files: unknown): unknown {
  if (files === null) return undefined;
  const isCounted =
    typeof files === 'object' && files !== null && !Array.isArray(files) && !('entries' in files) && 'enabled' in files;
  if (!isCounted) return files;
  return files.enabled === false ? [] : undefined;
}

/** Used only in messages; a value of another type is ignored. */
const Said = Text.catch(undefined);
const Access = z.object({
  status: Said,
  files: Said,
  embargo: z.object({ until: Said }).nullish().catch(undefined),
});

/** Whether the files of a record are public, as stated in the record. */
export interface RecordAccess {
  /** For example `open`, `restricted`, `embargoed` or `metadata-only`; undefined if not stated. */
  readonly status: string | undefined;
  /** Access to the files: `public` or `restricted`. */
  readonly files: string | undefined;
  /** Date on which an embargo ends. */
  readonly until: string | undefined;
}

/**
 * The fields of a record's JSON that are used, in all formats in which Zenodo has returned them. `concept` is the number
 * of all versions together. `files` is undefined if they are listed elsewhere.
 */
export const RecordJson = z
  .object({
    id: Id,
    conceptrecid: Id.nullish(),
    parent: z.object({ id: Id.nullish() }).nullish(),
    doi: Text,
    title: Text,
    metadata: z.object({ title: Text, doi: Text, access_right: Said, embargo_date: Said }).nullish(),
    access: Access.nullish().catch(undefined),
    pids: z.object({ doi: z.object({ identifier: Text }).nullish() }).nullish(),
    files: z.preprocess(listed, Files.optional()),
  })
  .transform(({ id, conceptrecid, parent, doi, title, metadata, access, pids, files }) => ({
    id: String(id),
    concept: textOf(conceptrecid ?? parent?.id),
    doi: doi ?? metadata?.doi ?? pids?.doi?.identifier ?? undefined,
    title: title ?? metadata?.title ?? undefined,
    access: {
      status: access?.status ?? metadata?.access_right ?? undefined,
      files: access?.files ?? undefined,
      until: access?.embargo?.until ?? metadata?.embargo_date ?? undefined,
    } satisfies RecordAccess,
    files,
  }));

function textOf(id: string | number | null | undefined): string | undefined {
  return id === null || id === undefined ? undefined : String(id);
}

/** Returns whether a link is an http address, absolute or relative to the URL of the record. */
function isHttpAddress(link: string): boolean {
  const base = 'https://base.invalid';
  return URL.canParse(link, base) && /^https?:$/.test(new URL(link, base).protocol);
}
