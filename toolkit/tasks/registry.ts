import type { CellTask, Task, TissueTask } from '../../config/tasks.ts';
import type { CellTaskDefinition, TissueTaskDefinition } from './definition.ts';
import { HE } from './he.ts';
import { NUCLEI } from './nuclei.ts';
import { PDL1 } from './pdl1.ts';

const TISSUE: { readonly [T in TissueTask]: TissueTaskDefinition } = { he: HE };
const CELLS: { readonly [T in CellTask]: CellTaskDefinition } = { nuclei: NUCLEI, pdl1: PDL1 };

/** The definitions of all tasks, by their names in config/tasks.ts. */
const DEFINITIONS: { readonly [T in Task]: TissueTaskDefinition | CellTaskDefinition } = { ...TISSUE, ...CELLS };

/** The definition of a task, of either kind. */
export function definitionOf(task: Task): TissueTaskDefinition | CellTaskDefinition {
  return DEFINITIONS[task];
}

/** The definition of a task in which tissue is segmented. */
export function tissueDefinition(task: TissueTask): TissueTaskDefinition {
  return TISSUE[task];
}

/** The definition of a task in which cells are detected. */
export function cellDefinition(task: CellTask): CellTaskDefinition {
  return CELLS[task];
}
