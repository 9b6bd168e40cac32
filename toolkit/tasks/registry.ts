import type { CellTask, Task, TissueTask } from '../../config/tasks.ts';
import type { CellTaskDefinition, TissueTaskDefinition } from './definition.ts';
import { HE } from './he.ts';
import { NUCLEI } from './nuclei.ts';
import { PDL1 } from './pdl1.ts';

const TISSUE: { readonly [T in TissueTask]: TissueTaskDefinition } = { he: HE };
const CELLS: { readonly [T in CellTask]: CellTaskDefinition } = { nuclei: NUCLEI, pdl1: PDL1 };

/** The definitions of all tasks, by their names in config/tasks.ts. */
const DEFINITIONS: { readonly [T in Task]: TissueTaskDefinition | CellTaskDefinition } = { ...TISSUE, ...CELLS };

/** Returns the definition of a task of either kind. */
export function definitionOf(task: Task): TissueTaskDefinition | CellTaskDefinition {
  return DEFINITIONS[task];
}

/** Returns the definition of a tissue task. */
export function tissueDefinition(task: TissueTask): TissueTaskDefinition {
  return TISSUE[task];
}

/** Returns the definition of a cell task. */
export function cellDefinition(task: CellTask): CellTaskDefinition {
  return CELLS[task];
}
