import { ReigniteError } from '../../errors.ts';
import { TOKEN_VARIABLE } from '../http/http-headers.ts';
import type { RecordAccess } from './record-json.ts';

/** Words of Zenodo's old and new API for restricted files. */
const NOT_OPEN = new Set(['restricted', 'embargoed', 'closed']);

/**
 * Checks, before anything is fetched without a token, that the files of the record are public.
 *
 * @throws ReigniteError ACCESS_DENIED with the record's access status.
 */
export function checkFilesAreOpen(id: string, access: RecordAccess): void {
  if (NOT_OPEN.has(access.files ?? access.status ?? '')) throw denied(id, access);
}

/**
 * Checks that a record lists files.
 *
 * @throws ReigniteError ACCESS_DENIED when they are not public, else RECORD_EMPTY; both with the record's access status.
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

/** Links of Zenodo that name a file: of its API and its pages, and of the buckets of its older API. */
const NAMED = /^(.*\/(?:records\/[^/?#]+\/files|api\/files\/[^/?#]+)\/)(.+)$/s;
const CONTENT = '/content';

/** A key in an address: every part percent-encoded, as Zenodo does it. */
export function encodedKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

/**
 * The address of a file's bytes.
 *
 * A link is used as the record gives it. One that holds the key without encoding it, whose `#`, `?` or `%` would lead
 * elsewhere, is encoded.
 *
 * @param own - Address of the record in the API.
 * @param link - As the record gives it, absolute or relative to `own`.
 * @throws ReigniteError RECORD_INVALID when the link names another file than the key, or has a `#` whose place is unclear.
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

/** Undefined for what is not a percent-encoding. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function elsewhere(key: string, link: string, what: string): ReigniteError {
  return new ReigniteError('RECORD_INVALID', `The link of the file ${JSON.stringify(key)} ${what}: ${link}.`, {
    remedy: 'Download that file manually into the data folder, and ask the publisher to correct the record.',
  });
}
