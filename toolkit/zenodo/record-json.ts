import { z } from 'zod';
import { collisionOfKeys, faultOfKey } from './record-keys.ts';

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

/** Whether everybody may fetch the files of a record, as the record itself says. */
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
 * stands for all versions; `files` is undefined where they are listed elsewhere.
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
