import { z } from 'zod';
import { foldedPath } from '../../archive/check-entries.ts';
import { isArchive, rootOfArchive } from '../../dataset/layout.ts';

/** Temporary files that a download keeps next to a file; a file of the record with such a name would be overwritten. */
const HELPERS = ['.part', '.part.json', '.part.lock', '.pieces', '.pieces.json'];
/** Where archives wait to be unpacked, in the data folder. */
const ARCHIVES = 'archives';
/** Disks take 255 bytes; the helpers' endings and the marks of temporary files need the rest. */
const MAX_NAME_BYTES = 220;

/**
 * What keeps a key of a record from being a path in the data folder.
 *
 * @returns Undefined for a key that can be used.
 */
function faultOfKey(key: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
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
 * Finds two files of a record that cannot both be stored: on a disk that folds case and Unicode forms they are one file,
 * one is per file where the other needs a folder, or one has the name of a download's temporary file for the other.
 *
 * @returns A sentence that names both; undefined where every file has a place of its own.
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

/** Where a file is stored, below the data folder, as a disk that folds names sees it. */
function placeOf(key: string): string {
  return foldedPath(isArchive(key) ? `${ARCHIVES}/${key}` : key);
}

/** The folders that a file, or what is unpacked of it, needs. */
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

/** Zenodo writes `md5:<hex>`; its older serialiser leaves the prefix out. */
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

/** `content` and `download`, where they are given, lead to bytes; `self` then leads to metadata. */
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

/** An entry is read in the shape whose name it has, so that a complaint names a field that is there. */
const File = z.unknown().transform((value, context) => {
  const legacy = typeof value === 'object' && value !== null && 'filename' in value && !('key' in value);
  const parsed = (legacy ? LegacyFile : TodaysFile).safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) context.addIssue({ code: 'custom', path, message });
  return z.NEVER;
});

/** A list, or InvenioRDM's object with entries (by name, or a list again). */
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

/** The list of files alone, as `/records/:id/files` has it. */
export const FilesJson = Files;

/** InvenioRDM may say only whether there are files: they are asked for then. A record of metadata alone has none. */
function listed(files: unknown): unknown {
  if (files === null) return undefined;
  const isCounted =
    typeof files === 'object' && files !== null && !Array.isArray(files) && !('entries' in files) && 'enabled' in files;
  if (!isCounted) return files;
  return files.enabled === false ? [] : undefined;
}

/** Needed for a message alone: of another type it is left out. */
const Said = Text.catch(undefined);
const Access = z.object({
  status: Said,
  files: Said,
  embargo: z.object({ until: Said }).nullish().catch(undefined),
});

/** Whether the files of a record are public, as the record itself says. */
export interface RecordAccess {
  /** Such as `open`, `restricted`, `embargoed` or `metadata-only`; undefined where the server does not say. */
  readonly status: string | undefined;
  /** Of the files alone: `public` or `restricted`. */
  readonly files: string | undefined;
  /** Day on which an embargo ends. */
  readonly until: string | undefined;
}

/**
 * What of a record's JSON we use, in each of the shapes that Zenodo has answered with. `concept` is the number that
 * means all versions; `files` is undefined where they are listed elsewhere.
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

/** Absolute, or relative to the record's own address. */
function isHttpAddress(link: string): boolean {
  const base = 'https://base.invalid';
  return URL.canParse(link, base) && /^https?:$/.test(new URL(link, base).protocol);
}
