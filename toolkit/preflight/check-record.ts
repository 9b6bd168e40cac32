import { open, readdir, stat } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import type { Task } from '../../config/tasks.ts';
import { type FileSource, fileHolds, isPlainFile, KINDS } from '../dataset/layout.ts';
import { ReigniteError } from '../errors.ts';
import { statIfThere } from '../files/file-access.ts';
import { firstOf } from '../format.ts';
import { PNG_START_BYTES, type PngStart, parsePngStart } from '../image/png-header.ts';

/** One assumption about a record, and whether it holds. */
export interface RecordCheck {
  /** File, folder or column that was checked. */
  readonly subject: string;
  /** `warn`: the run works, but its result is affected. `unknown`: it could not be checked yet. */
  readonly status: 'pass' | 'warn' | 'fail' | 'unknown';
  /** What was found. */
  readonly detail: string;
  /** What to do about it; missing if there is nothing to do. */
  readonly remedy?: string;
  /** File that is used, because of its contents, if the one with the usual name is missing; relative to the data folder. */
  readonly chosen?: string;
}

/** A task's test set in a record, with its checks. */
export interface CheckedTask {
  readonly checks: readonly RecordCheck[];
  /** Number of ROIs; undefined if their list is damaged, or too large to be fetched before the run. */
  readonly rois: number | undefined;
  /** Number of ROIs with a published prediction. */
  readonly predicted: number;
  /** Sizes of the images whose headers were read: all of them or a sample. */
  readonly images: readonly ImageSize[];
}

/** Width and height in px. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** A task's test set in a record. */
export interface RecordTask extends Omit<CheckedTask, 'checks'> {
  readonly task: Task;
}

/** Result of checking a record. */
export interface CheckedRecord {
  readonly checks: readonly RecordCheck[];
  readonly tasks: readonly RecordTask[];
}

/** A task whose assumptions about a record can be checked. */
export interface CheckableTask {
  readonly name: Task;
  /** Checks what the task assumes about a record, from its small files and the first bytes of large ones. */
  checkRecord(tree: RecordTree, withModel: boolean): Promise<CheckedTask>;
}

/** Tasks to check. */
export interface CheckOptions {
  readonly tasks: readonly CheckableTask[];
  /** Tasks with a custom model, for which the record's model is not checked. */
  readonly customModels?: readonly Task[];
}

/** Checks everything that the tasks assume about a record, from its small files and the first bytes of large ones. */
export async function checkRecord(
  tree: RecordTree,
  { tasks, customModels = [] }: CheckOptions,
): Promise<CheckedRecord> {
  const checks: RecordCheck[] = [];
  const found: RecordTask[] = [];
  for (const task of tasks) {
    const withModel = !customModels.includes(task.name);
    const { checks: ofTask, ...facts } = await task.checkRecord(tree, withModel);
    checks.push(...ofTask);
    found.push({ task: task.name, ...facts });
  }
  return { checks, tasks: found };
}

/**
 * Makes a check from the text that `inspect` returns or the error that it throws.
 *
 * @throws Retryable errors, such as NETWORK, which say nothing about the record.
 */
export async function checkBy(subject: string, inspect: () => Promise<string>): Promise<RecordCheck> {
  try {
    return { subject, status: 'pass', detail: await inspect() };
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.retryable) throw error;
    return { subject, status: 'fail', detail: `${error.code}: ${error.message}`, remedy: error.remedy };
  }
}

/**
 * Checks that files are in the tree.
 *
 * @param what - Name of the files in the plural, such as "images of the test set". A single file is named by its path.
 * @param absent - Status and remedy if any is missing.
 */
export function checkPresence(
  tree: RecordTree,
  subject: string,
  what: string,
  paths: readonly string[],
  absent: { readonly status: 'warn' | 'fail'; readonly remedy: string },
): RecordCheck {
  const missing = paths.filter((path) => !tree.sizes.has(path));
  if (missing.length === 0) return { subject, status: 'pass', detail: `${paths.length} ${what}` };
  const others = otherSpellings(tree, missing);
  const there = others.length === 0 ? '' : `; the record has ${firstOf(others)}`;
  if (paths.length === 1) return { subject, detail: `${missing[0]} is missing${there}`, ...absent };
  const detail = `${missing.length} of ${paths.length} ${what} are missing: ${firstOf(missing)}${there}`;
  return { subject, detail, ...absent };
}

/** Returns the files whose names differ from the missing ones only in capital letters, or else in `_with_context`. */
function otherSpellings(tree: RecordTree, missing: readonly string[]): readonly string[] {
  const inCapitals = spelledAs(tree, missing, (path) => path.toLowerCase());
  return inCapitals.length > 0 ? inCapitals : spelledAs(tree, missing, (path) => path.replace('_with_context', ''));
}

function spelledAs(tree: RecordTree, missing: readonly string[], plain: (path: string) => string): readonly string[] {
  const wanted = new Set(missing.map(plain));
  return [...tree.sizes.keys()].filter((path) => wanted.has(plain(path)));
}

/** A check of headers, and the image sizes in them. */
interface PngCheck {
  readonly check: RecordCheck;
  readonly sizes: readonly ImageSize[];
  /** The same by path. */
  readonly sizeOf: ReadonlyMap<string, ImageSize>;
}

/**
 * Checks the headers of PNGs.
 *
 * @param fault - Describes what is wrong with a header; undefined if nothing is.
 */
export async function checkPngs(
  tree: RecordTree,
  subject: string,
  paths: readonly string[],
  fault: (header: PngStart) => string | undefined,
  remedy: string,
): Promise<PngCheck> {
  const present = paths.filter((path) => tree.sizes.has(path));
  if (present.length === 0)
    return { check: { subject, status: 'unknown', detail: 'there are none' }, sizes: [], sizeOf: new Map() };
  const heads = await tree.heads(present, PNG_START_BYTES);
  const headers = [...heads].map(([path, head]) => ({
    path,
    name: posix.basename(path),
    header: parsePngStart(head),
  }));
  const faults = headers.flatMap(({ name, header }) => {
    const wrong = header === undefined ? 'is not a PNG' : fault(header);
    return wrong === undefined ? [] : [`${name} ${wrong}`];
  });
  const sound = headers.flatMap(({ header }) => header ?? []);
  const sizes = sound.map(({ width, height }) => ({ width, height }));
  const sizeOf = new Map(
    headers.flatMap(({ path, header }) =>
      header === undefined ? [] : [[path, { width: header.width, height: header.height }] as const],
    ),
  );
  if (faults.length > 0) return { check: { subject, status: 'fail', detail: firstOf(faults), remedy }, sizes, sizeOf };
  const checked = heads.size === present.length ? 'all' : `${heads.size} of ${present.length}`;
  const detail = `${checked} checked: ${[...new Set(sound.map(modeOf))].join(', ')}`;
  return { check: { subject, status: 'pass', detail }, sizes, sizeOf };
}

/**
 * Compares the sizes of images and masks if the headers of both were read.
 *
 * @param pairs - Paths of an image and its mask.
 * @returns Nothing if all agree.
 */
export function checkSameSizes(
  subject: string,
  pairs: readonly (readonly [image: string, mask: string])[],
  { images, masks }: { readonly images: PngCheck; readonly masks: PngCheck },
  differing: { readonly status: 'warn' | 'fail'; readonly remedy: string },
): readonly RecordCheck[] {
  const faults = pairs.flatMap(([image, mask]) => {
    const [one, other] = [images.sizeOf.get(image), masks.sizeOf.get(mask)];
    if (one === undefined || other === undefined) return [];
    if (one.width === other.width && one.height === other.height) return [];
    return [`${posix.basename(mask)} is ${sizeText(other)}, its image ${sizeText(one)}`];
  });
  return faults.length === 0 ? [] : [{ subject, detail: firstOf(faults), ...differing }];
}

function sizeText({ width, height }: ImageSize): string {
  return `${width} x ${height} px`;
}

/** Describes depth and colour of a PNG, such as "8-bit RGB". */
export function modeOf({ depth, colour }: PngStart): string {
  return `${depth}-bit ${colour}`;
}

/**
 * Finds a record that was manually unpacked one folder too deep: inside another folder (`data/ignite/images`), or each
 * archive in a folder with its name (`data/images/images`).
 *
 * @param data - Data folder.
 * @returns Failed checks, or none.
 */
export async function misplacedFolders(data: string): Promise<readonly RecordCheck[]> {
  const folders = await foldersIn(data);
  const present = KINDS.filter((kind) => folders.includes(kind));
  if (present.length === 0) return insideAnother(data, folders);
  const doubled = await Promise.all(present.map(async (kind) => ({ kind, inner: await foldersIn(join(data, kind)) })));
  return doubled
    .filter(({ kind, inner }) => inner.length === 1 && inner[0] === kind)
    .map(({ kind }) => ({
      subject: `${kind}/`,
      status: 'fail',
      detail: `${join(data, kind)} has another ${kind} folder in it`,
      remedy: `Move what is in ${join(data, kind, kind)} to ${join(data, kind)}.`,
    }));
}

async function insideAnother(data: string, folders: readonly string[]): Promise<readonly RecordCheck[]> {
  const found: string[] = [];
  for (const folder of folders) {
    const inner = await foldersIn(join(data, folder));
    if (KINDS.filter((kind) => inner.includes(kind)).length > 1) found.push(join(data, folder));
  }
  const [only, ...others] = found;
  if (only === undefined || others.length > 0) return [];
  const detail = `the folders of the record are in ${only}`;
  return [{ subject: 'data folder', status: 'fail', detail, remedy: `Use \`--data ${only}\`.` }];
}

async function foldersIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The files of a record in the layout of the data folder, on disk or in archives on a server. */
export interface RecordTree {
  /** Sizes in bytes by path, relative to the data folder, with `/`. */
  readonly sizes: ReadonlyMap<string, number>;
  /**
   * Reads the first bytes of files.
   *
   * @returns By path, without files that cannot be read or exceed what may be fetched.
   */
  heads(paths: readonly string[], length: number): Promise<ReadonlyMap<string, Buffer>>;
  /**
   * Reads the start of a file that is too large for `local`.
   *
   * @param packed - Maximum number of compressed bytes.
   * @returns Undefined if it cannot be read.
   */
  start(path: string, packed: number): Promise<Buffer | undefined>;
  /** Fetches a whole file and returns its local path; undefined if it is missing or too large to be fetched now. */
  local(path: string): Promise<string | undefined>;
}

/** Adapts a tree so that files can be searched in it. */
export function sourceOf(tree: RecordTree): FileSource {
  return {
    paths: [...tree.sizes.keys()],
    async holds(path, texts) {
      const local = await tree.local(path);
      return local === undefined ? undefined : fileHolds(local, texts);
    },
  };
}

/** Returns the paths of a tree below a folder, sorted. */
export function pathsBelow(tree: RecordTree, folder: string): readonly string[] {
  return [...tree.sizes.keys()].filter((path) => path.startsWith(`${folder}/`)).sort();
}

/** Lists a data folder on disk. */
export async function folderTree(data: string): Promise<RecordTree> {
  const sizes = new Map<string, number>();
  const tables = (await readdir(data).catch(() => [])).filter(isPlainFile);
  for (const path of [...KINDS, ...tables]) await addSizes(data, path, sizes);
  return {
    sizes,
    async heads(paths, length) {
      const found = new Map<string, Buffer>();
      for (const path of paths) {
        const head = await headOf(join(data, ...path.split('/')), length);
        if (head !== undefined) found.set(path, head);
      }
      return found;
    },
    start: (path, packed) => headOf(join(data, ...path.split('/')), packed),
    local: async (path) => join(data, ...path.split('/')),
  };
}

async function addSizes(data: string, path: string, sizes: Map<string, number>): Promise<void> {
  const found = await statIfThere(join(data, path));
  if (found === undefined) return;
  if (found.isFile()) sizes.set(path, found.size);
  if (!found.isDirectory()) return;
  for (const entry of await readdir(join(data, path), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = join(entry.parentPath, entry.name);
    sizes.set(relative(data, full).split(sep).join('/'), (await stat(full)).size);
  }
}

async function headOf(path: string, length: number): Promise<Buffer | undefined> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
