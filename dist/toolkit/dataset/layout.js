export const KINDS = ['images', 'annotations', 'models', 'inference', 'figures'];
/** One row an ROI of every task. */
export const OVERVIEW_FILE = 'data_overview.csv';
/** Names and values of the labels in the H&E masks. */
export const LABEL_MAP_FILE = 'he_label_map.json';
const TASK_FOLDERS = { he: 'he', nuclei: 'pdl1/nuclei', pdl1: 'pdl1/pdl1' };
/** Folder of a task's files of one kind, relative to the data root (or results, where it is laid out alike). */
export function folderOf(kind, task) {
    return `${kind}/${TASK_FOLDERS[task]}`;
}
/** The nnU-Net v1 model of the H&E task, with its folds, relative to the data root. */
export const HE_MODEL_FOLDER = `${folderOf('models', 'he')}/nnUNetTrainerV2_BN_pathology_DA_ignore0_hed005__nnUNet_RGB_scaleTo_0_1_bs8_ps512`;
/** The YOLOv5 checkpoint of a detection task, relative to the data root. */
export function detectorFile(task) {
    return `${folderOf('models', task)}/${task}_detection_weights.pt`;
}
/** The COCO file with all readers' annotations of a detection task, relative to the data root. */
export function readersFile(task) {
    return `${folderOf('annotations', task)}/${task}_test_set_all_readers.json`;
}
/** Whether a file of the record is unpacked. */
export function isArchive(key) {
    return key.toLowerCase().endsWith('.zip');
}
/** The folder that an archive's members belong to; undefined for one that is none of the layout's: they keep their paths. */
export function rootOfArchive(key) {
    return KINDS.find((kind) => key === `${kind}.zip`);
}
/**
 * Files of the record that the tasks need. Each archive holds all tasks, so that it is all five or none; the label
 * map belongs to the H&E task.
 *
 * @param ownModels - Tasks that bring a model of their own: the record's models are needed by the others alone.
 */
export function archivesOf(tasks, ownModels = []) {
    if (tasks.length === 0)
        return { archives: [], files: [] };
    const needsModels = tasks.some((task) => !ownModels.includes(task));
    const roots = KINDS.filter((kind) => kind !== 'models' || needsModels);
    return {
        archives: roots.map((root) => ({ key: `${root}.zip`, root })),
        files: tasks.includes('he') ? [OVERVIEW_FILE, LABEL_MAP_FILE] : [OVERVIEW_FILE],
    };
}
