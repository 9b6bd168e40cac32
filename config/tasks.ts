/** The tasks of the paper's technical validation, in the order in which results are told. */
export const TASKS = ['he', 'nuclei', 'pdl1'] as const;
export type Task = (typeof TASKS)[number];

/** The tasks in which cells are detected. */
export type CellTask = Exclude<Task, 'he'>;

/** How a task is named to people. */
export const TASK_TITLES: Readonly<Record<Task, string>> = {
  he: 'H&E tissue segmentation',
  nuclei: 'Nuclei detection',
  pdl1: 'PD-L1 detection',
};
