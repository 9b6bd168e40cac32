/** The tasks of the paper's technical validation, in the order in which results are told. */
export const TASKS = ['he', 'nuclei', 'pdl1'];
/** How a task is named to people. */
export const TASK_TITLES = {
    he: 'H&E tissue segmentation',
    nuclei: 'Nuclei detection',
    pdl1: 'PD-L1 detection',
};
