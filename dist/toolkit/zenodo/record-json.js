import { z } from 'zod';
const Key = z
    .string()
    .min(1)
    .refine((key) => isSafeKey(key), 'not the name of a file');
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
/** `content` and `download`, where they are given, lead to bytes; `self` then leads to metadata. */
function linkOf(links) {
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
    if (parsed.success)
        return parsed.data;
    for (const { path, message } of parsed.error.issues)
        context.addIssue({ code: 'custom', path, message });
    return z.NEVER;
});
/** A list, or InvenioRDM's object with entries (by name, or a list again). */
const Files = z.preprocess((files) => {
    if (typeof files !== 'object' || files === null || !('entries' in files) || Array.isArray(files))
        return files;
    const { entries } = files;
    return typeof entries === 'object' && entries !== null ? Object.values(entries) : entries;
}, z.array(File).superRefine((files, context) => {
    const seen = new Set();
    for (const { key } of files) {
        if (seen.has(key))
            context.addIssue({ code: 'custom', message: `${key} is there twice` });
        seen.add(key);
    }
}));
const Text = z.string().nullish();
const Id = z.union([z.int(), z.string().min(1)]);
/** The list of files alone, as `/records/:id/files` has it. */
export const FilesJson = Files;
/** InvenioRDM may say only that there are files, and how many: they are asked for then. */
const isOnlyCounted = (files) => typeof files === 'object' && files !== null && !Array.isArray(files) && !('entries' in files) && 'enabled' in files;
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
    metadata: z.object({ title: Text, doi: Text }).nullish(),
    pids: z.object({ doi: z.object({ identifier: Text }).nullish() }).nullish(),
    files: z.preprocess((files) => (isOnlyCounted(files) ? undefined : files), Files.optional()),
})
    .transform(({ id, conceptrecid, parent, doi, title, metadata, pids, files }) => ({
    id: String(id),
    concept: textOf(conceptrecid ?? parent?.id),
    doi: doi ?? metadata?.doi ?? pids?.doi?.identifier ?? undefined,
    title: title ?? metadata?.title ?? undefined,
    files,
}));
function textOf(id) {
    return id === null || id === undefined ? undefined : String(id);
}
/** Absolute, or relative to the record's own address. */
function isHttpAddress(link) {
    const base = 'https://base.invalid';
    return URL.canParse(link, base) && /^https?:$/.test(new URL(link, base).protocol);
}
/** A key becomes a path on our disk: it must stay below the folder it is put in. */
function isSafeKey(key) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\\\u0000-\u001f]/.test(key) || /^[a-z]:/i.test(key))
        return false;
    return key.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
