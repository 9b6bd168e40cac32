/** Facts about a task that every layer may use, workflows included. The full definition is in toolkit/tasks. */
interface TaskFacts {
  readonly name: string;
  /** Label masks, or points of cells that are compared with readers. */
  readonly kind: 'tissue' | 'cells';
  /** Name of the task for people. */
  readonly title: string;
}

/** The tasks of the paper's technical validation, in the order in which results are shown. */
const FACTS = [
  { name: 'he', kind: 'tissue', title: 'H&E tissue segmentation' },
  { name: 'nuclei', kind: 'cells', title: 'Nuclei detection' },
  { name: 'pdl1', kind: 'cells', title: 'PD-L1 detection' },
] as const satisfies readonly TaskFacts[];

type Facts = (typeof FACTS)[number];
export type Kind = Facts['kind'];
export type Task = Facts['name'];
export type TaskOf<K extends Kind> = Extract<Facts, { kind: K }>['name'];
/** The tasks in which tissue is segmented. */
export type TissueTask = TaskOf<'tissue'>;
/** The tasks in which cells are detected. */
export type CellTask = TaskOf<'cells'>;

export const TASKS: readonly Task[] = FACTS.map(({ name }) => name);
export const TISSUE_TASKS: readonly TissueTask[] = FACTS.flatMap((facts) =>
  facts.kind === 'tissue' ? [facts.name] : [],
);
export const CELL_TASKS: readonly CellTask[] = FACTS.flatMap((facts) => (facts.kind === 'cells' ? [facts.name] : []));

const BY_NAME = new Map<string, TaskFacts>(FACTS.map((facts) => [facts.name, facts]));

/** Names of the tasks for people. */
export const TASK_TITLES = perTask(TASKS, (task) => BY_NAME.get(task)?.title ?? task);

/** Maps each of `tasks` to a value, in their order. */
export function perTask<Name extends Task, Value>(
  tasks: readonly Name[],
  make: (task: Name) => Value,
): Record<Name, Value>;
export function perTask<Value>(tasks: readonly Task[], make: (task: Task) => Value): Record<string, Value> {
  return Object.fromEntries(tasks.map((task) => [task, make(task)]));
}

/** The kinds of work. Each has its own task queue, so that a worker can serve those that suit its machine. */
export const QUEUES = ['orchestration', 'download', 'inference', 'render'] as const;
export type Queue = (typeof QUEUES)[number];

/**
 * Returns the name of a task queue.
 *
 * @param prefix - `temporal.taskQueuePrefix` of the configuration.
 */
export function taskQueue(prefix: string, queue: Queue): string {
  return `${prefix}-${queue}`;
}
