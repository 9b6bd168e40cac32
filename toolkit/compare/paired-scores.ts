import type { CellTask, Task } from '../../config/tasks.ts';
import type { VerdictConfig } from '../../config/verdict-config.ts';
import { ReigniteError } from '../errors.ts';
import { cellDefinition, definitionOf } from '../tasks/registry.ts';
import { measureCells } from '../verdict/cells-uncertainty.ts';
import { type Measure, type PatientCounts, resampledIntervals } from '../verdict/resampled-intervals.ts';
import { measureTissue, TISSUE_MEASURES } from '../verdict/tissue-uncertainty.ts';
import { drawFor, type ResampleEvidence } from '../verdict/uncertainty.ts';
import type { Interval, PatientsFile, Uncertainty } from '../verdict/verdict-file.ts';
import type { SideTask } from './read-side.ts';

/** A score of both sides over the patients that they share. */
export interface PairedScore {
  readonly name: string;
  readonly a: number | null;
  readonly b: number | null;
  /** B minus A. */
  readonly difference: number | null;
  /** Interval of the difference, over resampled patients; missing if fewer than two patients contribute to it. */
  readonly interval?: Interval;
}

export interface PairedScores {
  readonly scores: readonly PairedScore[];
  readonly uncertainty: Uncertainty;
  readonly warnings: readonly string[];
  /** Patients that are in no score, because their ROIs are not the same on both sides. */
  readonly leftOut: readonly string[];
  readonly evidence: ResampleEvidence;
}

/**
 * Scores both sides over the same patients and computes intervals of the difference: both sides are scored on the same
 * resamples of patients.
 *
 * @returns Undefined if the sides share no scored patient.
 * @throws ReigniteError NOT_COMPARABLE when the two were scored against different readers or labels.
 */
export function pairedScores(
  task: Task,
  a: SideTask,
  b: SideTask,
  config: Pick<VerdictConfig, 'resamples' | 'seed'>,
): PairedScores | undefined {
  if (a.counts === undefined || b.counts === undefined) return undefined;
  refuseOtherMatrices(task, a.counts, b.counts);
  const { patients, leftOut } = pairPatients(a.counts, b.counts);
  if (patients.length === 0) return undefined;
  const { matrices, side } = a.counts;
  const { measure, names } = measureOf(task, a.counts, patients);
  const { uncertainty, warnings, ...evidence } = drawFor(patients, matrices, side, measure, config);
  const intervals = resampledIntervals(patients, evidence.draws, measure);
  const length = matrices.length * side * side;
  const total = (which: 'published' | 'ours') => measure(sumOf(patients, which, length));
  const [ofA, ofB] = [total('published'), total('ours')];
  const scores = names.flatMap((name, k): PairedScore[] => {
    // With one class, its score equals the mean over the classes.
    if (side === 2 && !name.endsWith(', macro')) return [];
    const [one, other] = [ofA[k] ?? null, ofB[k] ?? null];
    const interval = intervals[k]?.differenceInterval;
    const difference = one === null || other === null ? null : other - one;
    return [{ name, a: one, b: other, difference, ...(interval && difference !== null && { interval }) }];
  });
  return { scores, uncertainty, warnings, leftOut, evidence };
}

function refuseOtherMatrices(task: Task, a: PatientsFile, b: PatientsFile): void {
  const isSame = a.side === b.side && a.matrices.join('\n') === b.matrices.join('\n');
  if (isSame) return;
  const described = ({ matrices, side }: PatientsFile) => `${matrices.join(', ')} (classes: ${side - 1})`;
  throw new ReigniteError(
    'NOT_COMPARABLE',
    `${task}: A was scored against ${described(a)}, B against ${described(b)}.`,
    { remedy: 'Evaluate both with the same annotations, then compare.' },
  );
}

/** Pairs patients that both sides scored on the same ROIs; A is stored as `published`. */
function pairPatients(a: PatientsFile, b: PatientsFile) {
  const others = new Map(b.patients.map((patient) => [patient.id, patient]));
  const patients: PatientCounts[] = [];
  const paired = new Set<string>();
  for (const { id, rois, ours } of a.patients) {
    const other = others.get(id);
    if (other === undefined || [...rois].sort().join('\n') !== [...other.rois].sort().join('\n')) continue;
    paired.add(id);
    patients.push({ id, rois, published: Float64Array.from(ours), ours: Float64Array.from(other.ours) });
  }
  const all = new Set([...a.patients, ...b.patients].map(({ id }) => id));
  return { patients, leftOut: [...all].filter((id) => !paired.has(id)).sort() };
}

function measureOf(
  task: Task,
  counts: PatientsFile,
  patients: readonly PatientCounts[],
): { readonly measure: Measure; readonly names: readonly string[] } {
  const definition = definitionOf(task);
  if (definition.kind === 'tissue') return { measure: measureTissue, names: TISSUE_MEASURES };
  return cellsMeasure(definition.name, counts, patients);
}

function cellsMeasure(task: CellTask, { matrices, side }: PatientsFile, patients: readonly PatientCounts[]) {
  const classes = cellDefinition(task).classes;
  const groups = matrices.map((name) => name.slice(0, name.indexOf(': ')));
  const present = matrices.map((_, pair) => presentClasses(patients, pair, side));
  const names = matrices.flatMap((pair) => [
    `${pair}, macro`,
    ...Array.from({ length: side - 1 }, (_, label) => `${pair}, ${classes[label] ?? `class ${label}`}`),
  ]);
  return { measure: measureCells(side - 1, present, groups), names };
}

/** Returns the classes that the first reader of a pair has in some image. */
function presentClasses(patients: readonly PatientCounts[], pair: number, side: number): ReadonlySet<number> {
  const present = new Set<number>();
  for (const { ours } of patients) {
    for (let entry = 0; entry < side * (side - 1); entry++) {
      if ((ours[pair * side * side + entry] ?? 0) > 0) present.add(Math.floor(entry / side));
    }
  }
  return present;
}

function sumOf(patients: readonly PatientCounts[], which: 'published' | 'ours', length: number): Float64Array {
  const sum = new Float64Array(length);
  for (const patient of patients) {
    for (let k = 0; k < length; k++) sum[k] = (sum[k] ?? 0) + (patient[which][k] ?? 0);
  }
  return sum;
}
