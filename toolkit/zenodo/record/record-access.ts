import { ReigniteError } from '../../errors.ts';
import { TOKEN_VARIABLE } from '../http/http-headers.ts';
import type { RecordAccess } from './record-json.ts';

/** Access statuses of restricted files in Zenodo's old and new API. */
const NOT_OPEN = new Set(['restricted', 'embargoed', 'closed']);

/**
 * Checks that the files of a record are public, before they are downloaded without a token.
 *
 * @throws ReigniteError ACCESS_DENIED with the record's access status.
 */
export function checkFilesAreOpen(id: string, access: RecordAccess): void {
  if (NOT_OPEN.has(access.files ?? access.status ?? '')) throw denied(id, access);
}

/**
 * Checks that a record lists files.
 *
 * @throws ReigniteError ACCESS_DENIED if the files are not public, else RECORD_EMPTY; both with the record's access status.
 */
export function checkHasFiles(id: string, access: RecordAccess, files: number): void {
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
export function fileUrl(key: string, link: string | undefined, own: string): string {
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
