import type { z } from 'zod';
import type { Kind } from '../../dataset/layout.ts';
import { ReigniteError } from '../../errors.ts';
import { asNetworkError, discard, type HttpGet, httpGet } from '../http/http.ts';
import { contentCodings, decodeBody, type HttpReply, refusalOf, TOKEN_VARIABLE } from '../http/http-headers.ts';
import { FilesJson, type RecordAccess, RecordJson } from './record-json.ts';

/** A file of a record, as published. */
export interface RecordFile {
  /** Name in the record. */
  readonly key: string;
  /** Size in bytes. */
  readonly size: number;
  /** MD5 in lower-case hex. */
  readonly md5: string;
  /** URL of the content. */
  readonly url: string;
  /** For an archive that was recognised by its contents: the folder to which its members belong. */
  readonly root?: Kind;
}

/** One version of a record. */
export interface ZenodoRecord {
  readonly id: string;
  /** The concept number, which refers to all versions, if stated. */
  readonly concept?: string;
  readonly doi?: string;
  readonly title?: string;
  readonly files: readonly RecordFile[];
}

/** Which record to fetch, and from which API. */
export interface FetchRecordOptions extends Omit<HttpGet, 'url' | 'headers'> {
  /** Root of the API, such as `https://zenodo.org/api`. */
  readonly api: string;
  /** Number, DOI or URL of one version, or of all versions, which resolves to the newest. */
  readonly record: string | number;
}

/** Limit of a description, bytes; far above that of a record with thousands of files. */
const MAX_BYTES = 32 * 2 ** 20;

/**
 * Fetches the description of a record and its files from the API. A concept record resolves to its newest version: the
 * returned `id` is that of the version, and is the one to which a run must be pinned.
 *
 * @throws ReigniteError RECORD_NOT_FOUND, RECORD_INVALID (names the field), ACCESS_DENIED and RECORD_EMPTY (both with
 *   the record's access status), RATE_LIMITED (with the time to wait), NETWORK, or CONFIG_INVALID if `record` is not a
 *   record.
 * @example const { id, files } = await fetchRecord({ api: 'https://zenodo.org/api', record: 15674785 });
 */
export async function fetchRecord(options: FetchRecordOptions): Promise<ZenodoRecord> {
  const asked = parseRecordId(options.record);
  const url = `${options.api.replace(/\/+$/, '')}/records/${asked}`;
  const answer = await getJson(options, url);
  const parsed = parse(RecordJson, answer.json, url, 'the record');
  const { id, concept } = parsed;
  if (id !== asked && concept !== asked && !isRecordPage(answer.url, id)) {
    throw new ReigniteError('RECORD_INVALID', `${url} answered with record ${id}, which is not a version of ${asked}.`);
  }
  if (options.token === undefined) checkFilesAreOpen(id, parsed.access);
  const list = `${options.api.replace(/\/+$/, '')}/records/${id}/files`;
  const files = parsed.files ?? parse(FilesJson, (await getJson(options, list)).json, list, 'the files');
  return recordOf({ ...parsed, files }, options.api);
}

/**
 * Reads a record from a stored answer of the API.
 *
 * @throws ReigniteError RECORD_INVALID naming the field; RECORD_EMPTY or ACCESS_DENIED if it lists no files.
 */
export function readRecord(json: unknown, api: string, origin: string): ZenodoRecord {
  const parsed = parse(RecordJson, json, origin, 'the record');
  return recordOf({ ...parsed, files: parsed.files ?? [] }, api);
}

type Parsed = z.output<typeof RecordJson>;

function recordOf(
  { id, concept, doi, title, access, files }: Parsed & { files: NonNullable<Parsed['files']> },
  api: string,
): ZenodoRecord {
  checkHasFiles(id, access, files.length);
  const own = `${api.replace(/\/+$/, '')}/records/${id}`;
  return {
    id,
    ...(concept === undefined ? {} : { concept }),
    ...(doi === undefined ? {} : { doi }),
    ...(title === undefined ? {} : { title }),
    files: files.map(({ key, size, md5, link }) => ({ key, size, md5, url: fileUrl(key, link, own) })),
  };
}

/** Returns whether redirects have led to the URL of this version. */
function isRecordPage(url: string, id: string): boolean {
  return new URL(url).pathname.endsWith(`/records/${id}`);
}

async function getJson(options: FetchRecordOptions, url: string): Promise<{ json: unknown; url: string }> {
  const reply = await httpGet({
    ...options,
    url,
    headers: { accept: 'application/json', 'accept-encoding': 'identity' },
  });
  if (reply.status !== 200) {
    discard(reply);
    throw refusalOf(reply, 'RECORD_NOT_FOUND');
  }
  return { json: parseJson(await readText(reply, options.signal), url), url: reply.url };
}

async function readText(reply: HttpReply, signal: AbortSignal | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of decodeBody(reply, contentCodings(reply))) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_BYTES) {
        throw new ReigniteError('RECORD_INVALID', `${reply.url} is longer than ${MAX_BYTES} bytes.`);
      }
    }
  } catch (error) {
    throw asNetworkError(error, reply.url, signal);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ReigniteError('RECORD_INVALID', `${url} did not answer with JSON.`, { cause: error });
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, json: unknown, url: string, whole: string): z.output<Schema> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? whole : issue.path.join('.');
  throw new ReigniteError('RECORD_INVALID', `${url}: ${field}: ${issue?.message ?? 'not understood'}.`, {
    cause: parsed.error,
  });
}

const NUMBER = /^[1-9]\d{0,17}$/;
/** Record IDs of other servers with Zenodo's software, such as `0gc3e-4mn72`. */
const INVENIO = /^[0-9a-z]{5}-[0-9a-z]{5}$/;

/**
 * Extracts the number of a record from the number itself, its DOI (`10.5281/zenodo.N`, also with `doi:` or as a URL of
 * doi.org), or the URL of its page or API.
 *
 * @throws ReigniteError CONFIG_INVALID if it does not contain a record number.
 */
export function parseRecordId(record: string | number): string {
  const text = String(record).trim();
  const candidate =
    /^(?:(?:https?:\/\/)?(?:dx\.)?doi\.org\/|doi:\s*)?10\.\d{4,9}\/zenodo\.(\d+)$/i.exec(text)?.[1] ??
    /^https?:\/\/[^/]+\/(?:api\/)?records?\/([^/?#]+)/i.exec(text)?.[1] ??
    text;
  if (NUMBER.test(candidate) || INVENIO.test(candidate)) return candidate;
  throw new ReigniteError('CONFIG_INVALID', `"${text}" is not the number, the DOI or the address of a record.`);
}

/** Access statuses of restricted files in Zenodo's old and new API. */
const NOT_OPEN = new Set(['restricted', 'embargoed', 'closed']);

/**
 * Checks that the files of a record are public, before they are downloaded without a token.
 *
 * @throws ReigniteError ACCESS_DENIED with the record's access status.
 */
function checkFilesAreOpen(id: string, access: RecordAccess): void {
  if (NOT_OPEN.has(access.files ?? access.status ?? '')) throw denied(id, access);
}

/**
 * Checks that a record lists files.
 *
 * @throws ReigniteError ACCESS_DENIED if the files are not public, else RECORD_EMPTY; both with the record's access status.
 */
function checkHasFiles(id: string, access: RecordAccess, files: number): void {
  if (files > 0) return;
  if (NOT_OPEN.has(access.files ?? '') || NOT_OPEN.has(access.status ?? '')) throw denied(id, access);
  throw new ReigniteError('RECORD_EMPTY', `Record ${id} has no files: ${describe(access)}.`);
}

function denied(id: string, access: RecordAccess): ReigniteError {
  return new ReigniteError('ACCESS_DENIED', `The files of record ${id} are not public: ${describe(access)}.`, {
    remedy: `Ask the owner of the record for access, then set ${TOKEN_VARIABLE} to a token of your account.`,
  });
}

function describe({ status, files, until }: RecordAccess): string {
  const parts = [
    status === undefined ? 'the server names no access status' : `its access status is "${status}"`,
    ...(files === undefined ? [] : [`access to its files "${files}"`]),
    ...(until === undefined ? [] : [`embargoed until ${until}`]),
  ];
  return parts.join(', ');
}

/** Zenodo's links to files: those of its API, of its pages, and of the buckets of its older API. */
const NAMED = /^(.*\/(?:records\/[^/?#]+\/files|api\/files\/[^/?#]+)\/)(.+)$/s;
const CONTENT = '/content';

/** Percent-encodes every part of a key for use in a URL, like Zenodo. */
export function encodedKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

/**
 * Returns the URL of a file's content.
 *
 * A link is used as the record gives it. If it contains the key without percent-encoding, the key is encoded, because a
 * `#`, `?` or `%` would change its meaning.
 *
 * @param own - URL of the record in the API.
 * @param link - Link in the record, absolute or relative to `own`.
 * @throws ReigniteError RECORD_INVALID if the link names another file than the key, or has a `#` whose meaning is unclear.
 */
function fileUrl(key: string, link: string | undefined, own: string): string {
  if (link === undefined) return `${own}/files/${encodedKey(key)}${CONTENT}`;
  const [, before = '', tail] = NAMED.exec(link) ?? [];
  if (tail === undefined) {
    if (link.includes('#')) throw elsewhere(key, link, 'has a "#" that is not encoded');
    return new URL(link, own).href;
  }
  const [path = ''] = tail.split(/[?#]/);
  if (!tail.includes('#') && decoded(withoutContent(path)) === key) return new URL(link, own).href;
  const raw = withoutContent(tail);
  if (raw !== key) throw elsewhere(key, link, 'names another file');
  return new URL(`${before}${encodedKey(key)}${tail.slice(raw.length)}`, own).href;
}

function withoutContent(path: string): string {
  return path.endsWith(CONTENT) ? path.slice(0, -CONTENT.length) : path;
}

/** Decodes percent-encoding; undefined if it is invalid. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function elsewhere(key: string, link: string, what: string): ReigniteError {
  return new ReigniteError('RECORD_INVALID', `The link of the file ${JSON.stringify(key)} ${what}: ${link}.`, {
    remedy: 'Unpack the record into the data folder manually and set zenodo.offline to true; tell its publisher.',
  });
}
