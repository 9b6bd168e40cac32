import { type CellTask, type Task, TISSUE_TASKS, type TissueTask } from '../../config/tasks.ts';
import { cellDefinition, definitionOf, tissueDefinition } from '../tasks/registry.ts';

/** What the record holds of every task. */
export const KINDS = ['images', 'annotations', 'models', 'inference', 'figures'] as const;

export type Kind = (typeof KINDS)[number];

/** One row per ROI of every task. */
export const OVERVIEW_FILE = 'data_overview.csv';

/** Names and values of the labels in the H&E masks. */
export const LABEL_MAP_FILE = 'he_label_map.json';

/** Folder of a task's files of one kind, relative to the data root (or results, where it is laid out alike). */
export function folderOf(kind: Kind, task: Task): string {
  return `${kind}/${definitionOf(task).folder}`;
}

/** The nnU-Net v1 model of a task, with its folds, relative to the data root. */
export function tissueModelFolder(task: TissueTask): string {
  return `${folderOf('models', task)}/${tissueDefinition(task).modelFolder}`;
}

/** The YOLOv5 checkpoint of a detection task, relative to the data root. */
export function detectorFile(task: CellTask): string {
  return `${folderOf('models', task)}/${cellDefinition(task).checkpoint}`;
}

/** The COCO file with all readers' annotations of a detection task, relative to the data root. */
export function readersFile(task: CellTask): string {
  return `${folderOf('annotations', task)}/${cellDefinition(task).readersFile}`;
}

/**
 * Path of an ROI's published mask relative to the data root; also where its name ends in capital letters.
 *
 * @param isThere - Whether there is a file of that path.
 */
export function publishedMask(task: TissueTask, roi: string, isThere: (path: string) => boolean): string {
  const usual = `${folderOf('inference', task)}/${roi}.png`;
  const capital = `${folderOf('inference', task)}/${roi}.PNG`;
  return !isThere(usual) && isThere(capital) ? capital : usual;
}

/** Whether a file next to the archives may be the overview or the label map, whatever its name. */
export function isPlainFile(key: string): boolean {
  return !key.includes('/') && /\.(csv|csv\.gz|json)$/i.test(key);
}

/** Whether a file of the record is unpacked. */
export function isArchive(key: string): boolean {
  return key.toLowerCase().endsWith('.zip');
}

/**
 * Returns the folder that an archive's members belong to: by its contents where these were looked at, else by its name.
 *
 * @returns Undefined for an archive whose members keep their paths.
 */
export function rootOfArchive({ key, root }: { readonly key: string; readonly root?: Kind }): Kind | undefined {
  return root ?? KINDS.find((kind) => key === `${kind}.zip`);
}

/**
 * Lists what the tasks need of the record: folders, which come in archives, and plain files. Each folder holds all
 * tasks, so that it is all five or none; the label map belongs to tissue.
 *
 * @param ownModels - Tasks that bring a model of their own: the record's models are needed by the others alone.
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
