import { foldedPath } from '../archive/member-path.ts';
import { isArchive, rootOfArchive } from '../dataset/layout.ts';

/** What a download keeps beside a file while it is under way; a file of the record with such a name would be overwritten. */
const HELPERS = ['.part', '.part.json', '.part.lock', '.pieces', '.pieces.json'];
/** Where archives wait to be unpacked, in the data folder. */
const ARCHIVES = 'archives';
/** Disks take 255 bytes; the helpers' endings and the marks of temporary files need the rest. */
const LONGEST_NAME = 220;

/**
 * What keeps a key of a record from being a path in the data folder.
 *
 * @returns Undefined for a key that can be used.
 */
export function faultOfKey(key: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(key) || /\p{Surrogate}/u.test(key))
    return 'has control characters or broken Unicode';
  if (key.includes('\\')) return 'has a backslash';
  if (/^[a-z]:/i.test(key) || key.startsWith('/')) return 'is an absolute path';
  const parts = key.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'has an empty part, "." or ".."';
  if (parts.some((part) => Buffer.byteLength(part) > LONGEST_NAME)) return `is longer than ${LONGEST_NAME} bytes`;
  return undefined;
}

/**
 * Finds two files of a record that cannot both be stored: on a disk that folds case and Unicode forms they are one file,
 * one is a file where the other needs a folder, or one has the name of what a download keeps beside the other.
 *
 * @returns A sentence that names both; undefined where every file has a place of its own.
 */
export function collisionOfKeys(keys: readonly string[]): string | undefined {
  const taken = new Map<string, string>();
  for (const key of keys) {
    const place = placeOf(key);
    const other = taken.get(place);
    if (other === key) return `${quoted(key)} is there twice`;
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
