import { type Entry, getFileNameLowLevel } from 'yauzl';
import { ReigniteError } from '../errors.ts';

/** Limits of an archive. */
export interface ArchiveLimits {
  /** Maximum unpacked bytes of all members together. */
  readonly bytes: number;
  readonly files: number;
  /** Maximum compression ratio of large members. */
  readonly ratio: number;
}

/** Far above the record (8.2 GB, mostly PNG, thousands of files), but not enough to fill a disk. */
export const DEFAULT_LIMITS: ArchiveLimits = { bytes: 2 ** 38, files: 1_000_000, ratio: 200 };

/** The ratio of smaller members is not checked, bytes: an empty mask or a table of zeros is not a zip bomb. */
const RATIO_MATTERS_FROM = 16 * 2 ** 20;

/**
 * Normalises the name of a member to a relative path with `/`, without `.` and empty parts, or says why it is refused.
 *
 * @param name - Name in the archive. A trailing `/` (a folder) is dropped.
 */
function memberPath(name: string): { readonly path: string } | { readonly refused: string } {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the check looks for them
  if (/[\u0000-\u001f\u007f\ufffd]/.test(name)) return { refused: 'has a name with control characters' };
  if (name.includes('\\')) return { refused: 'has a name with a backslash' };
  if (name.startsWith('/') || /^[a-z]:/i.test(name)) return { refused: 'has an absolute path' };
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return { refused: 'has a path with ".."' };
  if (parts.some((part) => Buffer.byteLength(part) > 255) || name.length > 1024) {
    return { refused: 'has a name that is too long' };
  }
  return { path: parts.join('/') };
}

/** Returns a key that is equal for paths that are the same file on a disk that ignores case or Unicode forms, like macOS. */
export function foldedPath(path: string): string {
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

/** Returns whether macOS added a file to the archive. Such files are not unpacked. */
export function isClutter(path: string): boolean {
  const parts = path.split('/');
  return parts[0] === '__MACOSX' || parts.at(-1) === '.DS_Store';
}

/**
 * Finds the folders that wrap the folders of a layout, such as `ignite/` in `ignite/images/he/a.png`.
 *
 * @param paths - Paths of all files in the archive.
 * @param folders - Names of the folders of the layout.
 * @returns The wrapper with a trailing `/`. Empty unless all files are inside it, except for files at the top of the
 *   archive, such as a note.
 */
export function wrapperOf(paths: readonly string[], folders: readonly string[]): string {
  const files = paths.filter((path) => !isClutter(path));
  const [only = '', ...others] = new Set(files.flatMap((path) => around(path, folders)));
  const isShared = files.every((path) => path.startsWith(only) || !path.includes('/'));
  return others.length === 0 && isShared ? only : '';
}

function around(path: string, folders: readonly string[]): readonly string[] {
  const parents = path.split('/').slice(0, -1);
  const depth = parents.findIndex((part) => folders.includes(part));
  return depth < 0
    ? []
    : [
        parents
          .slice(0, depth)
          .map((part) => `${part}/`)
          .join(''),
      ];
}

/** Removes the wrapper from a path, if the path is inside it. */
export function withoutWrapper(path: string, wrapper: string): string {
  return path.startsWith(wrapper) ? path.slice(wrapper.length) : path;
}

/**
 * Puts a path under the archive's root folder, unless it already is.
 *
 * @param wrapper - Folders around the root folder, which are removed.
 */
export function underRoot(path: string, root: string, wrapper = ''): string {
  const inner = withoutWrapper(path, wrapper);
  return inner.startsWith(`${root}/`) ? inner : `${root}/${inner}`;
}

/** Where the members of an archive are unpacked. */
export interface ArchivePlace {
  /** Folder under which all paths are put, unless they already start with it. */
  readonly root?: string | undefined;
  /** Without `root`: folders that the archive may contain. Folders that wrap these are removed from all paths. */
  readonly folders?: readonly string[] | undefined;
}

/** An entry whose name and type were checked. */
export interface CheckedEntry {
  readonly entry: Entry;
  /** Name in the archive, for messages. */
  readonly name: string;
  /** Path relative to the target folder, with `/`. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Whether it is unpacked: a file that macOS did not add. */
  readonly wanted: boolean;
}

const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;
const DEFLATE = 8;

/**
 * Checks all entries of a central directory, before any content is read.
 *
 * @throws ReigniteError ARCHIVE_UNSAFE or ARCHIVE_CORRUPT naming the archive and the member.
 */
export function checkEntries(
  archive: string,
  entries: readonly Entry[],
  { root, folders = [] }: ArchivePlace,
  limits: ArchiveLimits,
): readonly CheckedEntry[] {
  const found = entries.map((entry) => checkEntry(archive, entry, limits));
  const files = found.filter(({ wanted }) => wanted).map(({ path }) => path);
  const wrapper = wrapperOf(files, root === undefined ? folders : [root]);
  const checked = found.map((entry) => ({ ...entry, path: placeOf(entry, root, wrapper) }));
  refuseCollisions(archive, checked);
  const bytes = checked.reduce((sum, { entry, wanted }) => sum + (wanted ? entry.uncompressedSize : 0), 0);
  if (bytes > limits.bytes) {
    throw new ReigniteError('ARCHIVE_UNSAFE', `${archive} unpacks to ${bytes} bytes; ${limits.bytes} are allowed.`);
  }
  return checked;
}

/** Refuses an archive. @throws ReigniteError ARCHIVE_UNSAFE, always. */
export function refuse(archive: string, member: string, what: string): never {
  // Control characters in a name must not reach a terminal unescaped.
  throw new ReigniteError('ARCHIVE_UNSAFE', `${archive}, member ${JSON.stringify(member)}: ${what}.`);
}

function checkEntry(archive: string, entry: Entry, limits: ArchiveLimits): CheckedEntry {
  const name = getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, true);
  const found = memberPath(name);
  if ('refused' in found) refuse(archive, name, found.refused);
  const type = (entry.externalFileAttributes >>> 16) & TYPE_BITS;
  if (type !== 0 && type !== REGULAR && type !== FOLDER) refuse(archive, name, 'is a link or a device');
  if (entry.isEncrypted()) refuse(archive, name, 'is encrypted');
  const isFolder = name.endsWith('/') || type === FOLDER;
  if (!isFolder && found.path === '') refuse(archive, name, 'has no name');
  checkSizes(archive, name, entry, isFolder, limits);
  return { entry, name, path: found.path, isFolder, wanted: !isFolder && !isClutter(found.path) };
}

/** @returns Where an entry is unpacked, relative to the target folder. */
function placeOf({ path, isFolder }: CheckedEntry, root: string | undefined, wrapper: string): string {
  if (root === undefined) return isFolder && wrapper.startsWith(`${path}/`) ? '' : withoutWrapper(path, wrapper);
  const isAround = path === '' || `${wrapper}${root}/`.startsWith(`${path}/`);
  return isFolder && isAround ? root : underRoot(path, root, wrapper);
}

function checkSizes(archive: string, name: string, entry: Entry, isFolder: boolean, limits: ArchiveLimits): void {
  const { compressedSize, uncompressedSize, compressionMethod } = entry;
  if (compressionMethod !== 0 && compressionMethod !== DEFLATE) {
    throw new ReigniteError(
      'ARCHIVE_CORRUPT',
      `${archive}, member ${JSON.stringify(name)}: compression method ${compressionMethod} is not supported.`,
      {
        remedy:
          'Unpack it manually into the data folder, for example with 7-Zip, then add `--set zenodo.offline=true`.',
      },
    );
  }
  if (!Number.isSafeInteger(compressedSize) || !Number.isSafeInteger(uncompressedSize)) {
    refuse(archive, name, 'states an impossible size');
  }
  if (isFolder && uncompressedSize > 0) refuse(archive, name, 'is a folder, but has content');
  if (uncompressedSize > RATIO_MATTERS_FROM && uncompressedSize > limits.ratio * compressedSize) {
    refuse(archive, name, `unpacks ${compressedSize} bytes to ${uncompressedSize}`);
  }
}

/** Refuses members with the same path, also if they differ only in case or Unicode form, and files in place of folders. */
function refuseCollisions(archive: string, checked: readonly CheckedEntry[]): void {
  const files = new Map<string, string>();
  for (const { path, name, wanted } of checked) {
    if (!wanted) continue;
    const key = foldedPath(path);
    const other = files.get(key);
    if (other !== undefined) refuse(archive, name, `has the same path as ${JSON.stringify(other)}`);
    files.set(key, name);
  }
  for (const { path, name, isFolder } of checked) {
    const parts = foldedPath(path).split('/');
    const depth = isFolder ? parts.length : parts.length - 1;
    for (let k = 1; k <= depth; k++) {
      const other = files.get(parts.slice(0, k).join('/'));
      if (other !== undefined) refuse(archive, name, `needs a folder where ${JSON.stringify(other)} is a file`);
    }
  }
}
