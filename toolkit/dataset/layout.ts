import { createReadStream, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { type CellTask, type Task, TISSUE_TASKS, type TissueTask } from '../../config/tasks.ts';
import { codeOf, fileExists } from '../files/file-access.ts';
import { inside } from '../files/folders.ts';
import { cellDefinition, definitionOf, tissueDefinition } from '../tasks/registry.ts';
import { HE_LABELS } from './tissue-labels.ts';

/** Stem of an ROI's files in `inference/`, such as `patient1_he_roi1_with_context`. */
export const RoiStem = z
  .string()
  .min(1)
  .refine((stem) => !/[\\/]/.test(stem), 'Expected the name of a file without its folder and extension')
  .brand<'RoiStem'>();
export type RoiStem = z.infer<typeof RoiStem>;

/** Top folders of the record, each with a subfolder per task. */
export const KINDS = ['images', 'annotations', 'models', 'inference', 'figures'] as const;

export type Kind = (typeof KINDS)[number];

/** One row per ROI of every task. */
export const OVERVIEW_FILE = 'data_overview.csv';

/** Required columns of the overview. */
export const OVERVIEW_COLUMNS = ['image_path', 'annotation_path', 'task', 'split'] as const;

/** Names and values of the labels in the H&E masks. */
export const LABEL_MAP_FILE = 'he_label_map.json';

/**
 * Returns the folder of a task's files of one kind, relative to the data folder (or to the results folder, which has
 * the same layout).
 */
export function folderOf(kind: Kind, task: Task): string {
  return `${kind}/${definitionOf(task).folder}`;
}

/** Returns the folder of a task's nnU-Net v1 model, with its folds, relative to the data folder. */
export function tissueModelFolder(task: TissueTask): string {
  return `${folderOf('models', task)}/${tissueDefinition(task).modelFolder}`;
}

/** Returns the path of the YOLOv5 checkpoint of a detection task, relative to the data folder. */
export function detectorFile(task: CellTask): string {
  return `${folderOf('models', task)}/${cellDefinition(task).checkpoint}`;
}

/** Returns the path of the COCO file with all readers' annotations of a detection task, relative to the data folder. */
export function readersFile(task: CellTask): string {
  return `${folderOf('annotations', task)}/${cellDefinition(task).readersFile}`;
}

/**
 * Returns the path of an ROI's published mask relative to the data folder; the extension may be `.PNG`.
 *
 * @param isThere - Whether a file with that path exists.
 */
export function publishedMask(task: TissueTask, roi: string, isThere: (path: string) => boolean): string {
  const usual = `${folderOf('inference', task)}/${roi}.png`;
  const capital = `${folderOf('inference', task)}/${roi}.PNG`;
  return !isThere(usual) && isThere(capital) ? capital : usual;
}

/** Whether a file next to the archives may be the overview or the label map under another name. */
export function isPlainFile(key: string): boolean {
  return !key.includes('/') && /\.(csv|csv\.gz|json)$/i.test(key);
}

/** Whether a file of the record is an archive, which is unpacked. */
export function isArchive(key: string): boolean {
  return key.toLowerCase().endsWith('.zip');
}

/**
 * Returns the folder that an archive's members belong to: according to its contents if they were inspected, or else to
 * its name.
 *
 * @returns Undefined for an archive whose members keep their full paths.
 */
export function rootOfArchive({ key, root }: { readonly key: string; readonly root?: Kind }): Kind | undefined {
  return root ?? KINDS.find((kind) => key === `${kind}.zip`);
}

/**
 * Lists what the tasks need from the record: folders, which come as archives, and plain files. Each folder holds the
 * files of all tasks, so that any task needs every folder. The label map is needed for tissue only.
 *
 * @param ownModels - Tasks with a custom model, which do not need the record's models.
 */
export function neededOfRecord(
  tasks: readonly Task[],
  ownModels: readonly Task[] = [],
): {
  readonly folders: readonly Kind[];
  readonly files: readonly string[];
} {
  if (tasks.length === 0) return { folders: [], files: [] };
  const needsModels = tasks.some((task) => !ownModels.includes(task));
  return {
    folders: KINDS.filter((kind) => kind !== 'models' || needsModels),
    files: TISSUE_TASKS.some((task) => tasks.includes(task)) ? [OVERVIEW_FILE, LABEL_MAP_FILE] : [OVERVIEW_FILE],
  };
}

/** Files of a record that are searched. */
export interface FileSource {
  /** Paths relative to the data folder, with `/`. */
  readonly paths: readonly string[];
  /** Whether a file contains all of these texts; undefined if it cannot be read yet. */
  holds(path: string, texts: readonly string[]): Promise<boolean | undefined>;
}

/**
 * Finds the overview of a record: the file with the usual name, or else the only CSV file in the top folder with its
 * columns.
 *
 * @returns Relative to the data folder; undefined if there is none, or several.
 */
export async function findOverview(source: FileSource): Promise<string | undefined> {
  if (source.paths.includes(OVERVIEW_FILE)) return OVERVIEW_FILE;
  const tables = source.paths.filter((path) => !path.includes('/') && /\.csv(\.gz)?$/i.test(path));
  return onlyWith(source, tables, OVERVIEW_COLUMNS);
}

/**
 * Finds the label map of a record: the file with the usual name, or else the only JSON file in the top folder with its
 * first label.
 */
export async function findLabelMap(source: FileSource): Promise<string | undefined> {
  if (source.paths.includes(LABEL_MAP_FILE)) return LABEL_MAP_FILE;
  const maps = source.paths.filter((path) => !path.includes('/') && path.toLowerCase().endsWith('.json'));
  return onlyWith(source, maps, [`"${HE_LABELS[0].name}"`]);
}

/**
 * Finds the COCO file with the annotations of all readers: the file with the usual name, or else the only JSON file in
 * the folder that has categories of the task's readers.
 */
export async function findReaders(source: FileSource, task: CellTask): Promise<string | undefined> {
  const usual = readersFile(task);
  if (source.paths.includes(usual)) return usual;
  const folder = `${folderOf('annotations', task)}/`;
  const lists = source.paths.filter((path) => path.startsWith(folder) && path.toLowerCase().endsWith('.json'));
  const [group] = cellDefinition(task).groups;
  return onlyWith(source, lists, ['"supercategory"', `"${group?.readers[0] ?? ''}"`]);
}

/**
 * Finds the checkpoint of a detection task: the file with the usual name, or else the only `.pt` or `.pth` file in the
 * task's folder of models, or else the only one below `models/` whose path names the task.
 */
export function findDetector(paths: readonly string[], task: CellTask): string | undefined {
  const usual = detectorFile(task);
  if (paths.includes(usual)) return usual;
  const all = paths.filter((path) => path.startsWith('models/') && /\.pth?$/i.test(path));
  const inFolder = all.filter((path) => path.startsWith(`${folderOf('models', task)}/`));
  const named = all.filter((path) => posix.relative('models', path).toLowerCase().includes(task));
  const [only, ...others] = inFolder.length > 0 ? inFolder : named;
  return others.length === 0 ? only : undefined;
}

/** Returns the only file that contains the texts. If none does, the only one that cannot be read yet. */
async function onlyWith(
  source: FileSource,
  paths: readonly string[],
  texts: readonly string[],
): Promise<string | undefined> {
  const searched = await Promise.all(paths.map(async (path) => ({ path, holds: await source.holds(path, texts) })));
  const sure = searched.filter(({ holds }) => holds === true);
  const [only, ...others] = sure.length > 0 ? sure : searched.filter(({ holds }) => holds === undefined);
  return others.length === 0 ? only?.path : undefined;
}

/** Returns the absolute path of the overview in a data folder; its usual path if there is none. */
export async function overviewFileIn(data: string): Promise<string> {
  const usual = inside(data, OVERVIEW_FILE);
  if (await fileExists(usual)) return usual;
  const names = await readdir(data).catch(() => []);
  return inside(data, (await findOverview(onDisk(data, names))) ?? OVERVIEW_FILE);
}

/** Returns the absolute path of the label map in a data folder; its usual path if there is none. */
export async function labelMapFileIn(data: string): Promise<string> {
  const usual = inside(data, LABEL_MAP_FILE);
  if (await fileExists(usual)) return usual;
  const names = await readdir(data).catch(() => []);
  return inside(data, (await findLabelMap(onDisk(data, names))) ?? LABEL_MAP_FILE);
}

/** Returns the path of the readers' annotations relative to the data folder; the usual path if there are none. */
export async function readersFileIn(data: string, task: CellTask): Promise<string> {
  const usual = readersFile(task);
  if (await fileExists(inside(data, usual))) return usual;
  const paths = await pathsOnDisk(data, folderOf('annotations', task));
  return (await findReaders(onDisk(data, paths), task)) ?? usual;
}

/** Returns the path of the checkpoint of a detection task relative to the data folder; its usual path if there is none. */
export async function detectorFileIn(data: string, task: CellTask): Promise<string> {
  const usual = detectorFile(task);
  if (await fileExists(inside(data, usual))) return usual;
  return findDetector(await pathsOnDisk(data, 'models'), task) ?? usual;
}

/** Returns the path of an ROI's published mask relative to the data folder; its usual path if there is none. */
export function publishedMaskIn(data: string, task: TissueTask, roi: string): string {
  return publishedMask(task, roi, (path) => existsSync(inside(data, path)));
}

async function pathsOnDisk(data: string, folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(data, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(data, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

function onDisk(data: string, paths: readonly string[]): FileSource {
  return { paths, holds: (path, texts) => fileHolds(inside(data, path), texts) };
}

/** Checks whether a file, plain or gzip, contains all of the texts. Memory does not grow with its size. */
export async function fileHolds(path: string, texts: readonly string[]): Promise<boolean> {
  const missing = new Set(texts);
  const kept = Math.max(...texts.map((text) => text.length));
  let tail = '';
  try {
    for await (const chunk of await openText(path)) {
      const text = tail + String(chunk);
      for (const each of missing) if (text.includes(each)) missing.delete(each);
      if (missing.size === 0) return true;
      tail = text.slice(-kept);
    }
  } catch (error) {
    if (!codeOf(error)?.startsWith('Z_')) throw error;
  }
  return false;
}

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

async function openText(path: string): Promise<Readable> {
  const head = await buffer(createReadStream(path, { end: GZIP_MAGIC.length - 1 }));
  const bytes = createReadStream(path, { highWaterMark: 1 << 20 });
  if (!head.equals(GZIP_MAGIC)) return bytes.setEncoding('latin1');
  // The callback is empty because the stream also passes the error to its reader.
  return pipeline(bytes, createGunzip(), () => undefined).setEncoding('latin1');
}
