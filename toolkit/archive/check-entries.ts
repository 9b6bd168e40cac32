import { type Entry, getFileNameLowLevel } from 'yauzl';
import { ReigniteError } from '../errors.ts';

/** Limits of an archive. */
export interface ArchiveLimits {
  /** Bytes of all members together. */
  readonly bytes: number;
  readonly files: number;
  /** Bytes out for every byte in, for members that are large. */
  readonly ratio: number;
}

/** Far above the record (8.2 GB, mostly PNG, some thousands of files), far below what would fill a disk. */
export const DEFAULT_LIMITS: ArchiveLimits = { bytes: 2 ** 38, files: 1_000_000, ratio: 200 };

/** Below it a high ratio is not a bomb: an empty mask or a table of zeros, in bytes. */
const RATIO_MATTERS_FROM = 16 * 2 ** 20;

/**
 * The path of a member below its folder, with `/`, without `.` and empty parts; or what is wrong with its name.
 *
 * @param name - As in the archive; a closing `/` (a folder) is dropped.
 */
function memberPath(name: string): { readonly path: string } | { readonly refused: string } {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
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

/** Two paths with the same key are one file on a disk that folds case or unicode forms, as macOS does. */
export function foldedPath(path: string): string {
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

/** Files that macOS adds to archives; they are not unpacked. */
export function isClutter(path: string): boolean {
  const parts = path.split('/');
  return parts[0] === '__MACOSX' || parts.at(-1) === '.DS_Store';
}

/**
 * Finds the folders around the folders of a layout, such as `ignite/` in `ignite/images/he/a.png`.
 *
 * @param paths - Of all files of the archive.
 * @param folders - Names of the folders of the layout.
 * @returns With `/` at the end; empty unless all files are inside the same ones. A file at the top of the archive, such as a
 *   note about it, may be next to them.
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

/** Leaves out the folders around, where a path is inside them. */
export function withoutWrapper(path: string, wrapper: string): string {
  return path.startsWith(wrapper) ? path.slice(wrapper.length) : path;
}

/**
 * Puts a path under the archive's root folder, unless it is there already.
 *
 * @param wrapper - Folders around the root folder, which are left out.
 */
export function underRoot(path: string, root: string, wrapper = ''): string {
  const inner = withoutWrapper(path, wrapper);
  return inner.startsWith(`${root}/`) ? inner : `${root}/${inner}`;
}

/** Where the members of an archive belong. */
export interface ArchivePlace {
  /** Folder that all paths are put under, unless they begin with it. */
  readonly root?: string | undefined;
  /** Without a `root`: folders that the archive may hold. What is around them is left out of the paths; else these stay. */
  readonly folders?: readonly string[] | undefined;
}

/** An entry whose name and kind have been found harmless. */
export interface CheckedEntry {
  readonly entry: Entry;
  /** As the archive has it, for messages. */
  readonly name: string;
  /** Below the target, under the root folder, with `/`. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Whether it is to be unpacked: a file, and none that macOS added. */
  readonly wanted: boolean;
}

const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const FOLDER = 0o040000;
const DEFLATE = 8;

/**
 * Checks all entries of a central directory by what it says of them, before a byte of any is read.
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

/** @throws ReigniteError ARCHIVE_UNSAFE, always. */
export function refuse(archive: string, member: string, what: string): never {
  // A name with control characters must not reach a terminal as it is.
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
      { remedy: 'Unpack it manually into the data folder, for example with 7-Zip, then run the same command again.' },
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

/** Two members of one place, also where a disk folds case and unicode forms; a file in the place of a folder. */
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
