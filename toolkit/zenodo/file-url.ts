import { ReigniteError } from '../errors.ts';

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

/** Undefined for what is no percent-encoding. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function elsewhere(key: string, link: string, what: string): ReigniteError {
  return new ReigniteError('RECORD_INVALID', `The link of the file ${JSON.stringify(key)} ${what}: ${link}.`, {
    remedy: 'Fetch that file by hand into the data folder, and ask the publisher to correct the record.',
  });
}
