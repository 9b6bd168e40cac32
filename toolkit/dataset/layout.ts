import { type CellTask, type Task, TISSUE_TASKS, type TissueTask } from '../../config/tasks.ts';
import { cellDefinition, definitionOf, tissueDefinition } from '../tasks/registry.ts';

/** Top folders of the record, each with a subfolder per task. */
export const KINDS = ['images', 'annotations', 'models', 'inference', 'figures'] as const;

export type Kind = (typeof KINDS)[number];

/** One row per ROI of every task. */
export const OVERVIEW_FILE = 'data_overview.csv';

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
