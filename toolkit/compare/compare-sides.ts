import { CELL_TASKS, type CellTask, TASK_TITLES, TASKS, type Task } from '../../config/tasks.ts';
import type { VerdictConfig } from '../../config/verdict-config.ts';
import { ReigniteError } from '../errors.ts';
import { counted, firstOf, grouped, listed, shortNumber } from '../format.ts';
import { worstFirst } from '../verdict/verdict-file.ts';
import {
  type Agreement,
  type ComparedPrediction,
  compareMaskFiles,
  comparePointFiles,
  type RoiDifference,
  sumOfAgreements,
} from './compare-predictions.ts';
import { compareSlideCells, compareSlideMasks, whyNotOneFile, whyNotOneSlide } from './compare-slides.ts';
import { type PairedScores, pairedScores } from './paired-scores.ts';
import type { Side, SideTask } from './read-side.ts';

const MAX_NAMED = 5;
const NO_PIXEL = 'Neither side predicted a pixel.';

/** Verdict of a comparison of two sides. */
export type Likeness = 'equal' | 'within tolerance' | 'differs' | 'not comparable';

export interface ComparedTask {
  readonly task: Task;
  readonly verdict: Likeness;
  /** The reason of the verdict, a sentence. */
  readonly reason: string;
  readonly agreement: Agreement;
  /** Number of ROIs or images that were compared, and of all that A or B has. */
  readonly compared: number;
  readonly of: number;
  /** Names of the label values or classes of a custom model. */
  readonly names?: SideTask['labelNames'];
  /** Missing if the sides share no scored patient. */
  readonly scores?: PairedScores;
  /** Sorted by name. */
  readonly rois: readonly RoiDifference[];
  /** Those that differ, worst first. */
  readonly worst: readonly { readonly roi: string; readonly difference: number }[];
  /** ROIs that only one side has, and other limits of the comparison, one sentence each. */
  readonly remarks: readonly string[];
}

/** A setting, model or version that differs between the sides. */
export interface AboutDifference {
  readonly field: string;
  readonly a: string | null;
  readonly b: string | null;
}

export interface SidesComparison {
  readonly verdict: Likeness;
  readonly about: readonly AboutDifference[];
  readonly tasks: readonly ComparedTask[];
  readonly remarks: readonly string[];
}

const SEVERITY: Readonly<Record<Likeness, number>> = {
  'not comparable': 0,
  equal: 1,
  'within tolerance': 2,
  differs: 3,
};

/**
 * Compares two runs, evaluations or predictions, task by task.
 *
 * @param options.onRoi - Called after every ROI.
 * @throws ReigniteError NOT_COMPARABLE when the sides come from different records, were scored against different ground
 *   truth, or have no task or ROI in common.
 */
export async function compareSides(
  a: Side,
  b: Side,
  {
    config,
    signal,
    onRoi,
  }: {
    readonly config: VerdictConfig;
    readonly signal: AbortSignal;
    readonly onRoi: (task: Task, done: number, of: number) => void;
  },
): Promise<SidesComparison> {
  if (a.record !== undefined && b.record !== undefined && a.record !== b.record) {
    throw new ReigniteError('NOT_COMPARABLE', `A is of record ${a.record}, B of record ${b.record}.`);
  }
  const common = TASKS.filter((task) => a.tasks.has(task) && b.tasks.has(task));
  if (common.length === 0) {
    const namesOf = (side: Side) => listed([...side.tasks.keys()]);
    throw new ReigniteError('NOT_COMPARABLE', `A has ${namesOf(a)}, B has ${namesOf(b)}: no task in common.`);
  }
  const tasks: ComparedTask[] = [];
  for (const task of common) {
    const [one, other] = [a.tasks.get(task), b.tasks.get(task)];
    if (one === undefined || other === undefined) continue;
    tasks.push(await compareTask(task, one, other, config, signal, (done, of) => onRoi(task, done, of)));
  }
  const only = TASKS.filter((task) => a.tasks.has(task) !== b.tasks.has(task));
  return {
    verdict: tasks.reduce<Likeness>(
      (worst, { verdict }) => (SEVERITY[verdict] > SEVERITY[worst] ? verdict : worst),
      'not comparable',
    ),
    about: aboutDifferences(a, b),
    tasks,
    remarks: [
      ...(a.isSynthetic || b.isSynthetic ? ['Synthetic data: this says nothing about the paper.'] : []),
      ...only.map((task) => `${TASK_TITLES[task]} is only in ${a.tasks.has(task) ? 'A' : 'B'}.`),
    ],
  };
}

/**
 * Returns the verdict in words. If not every ROI or image was compared, it says how many were: the verdict is about these
 * only.
 */
export function verdictText(verdict: Likeness, compared: readonly Pick<ComparedTask, 'compared' | 'of'>[]): string {
  const [count, of] = [
    compared.reduce((sum, each) => sum + each.compared, 0),
    compared.reduce((sum, each) => sum + each.of, 0),
  ];
  return count === of ? verdict : `${verdict}, ${grouped(count)} of ${grouped(of)} compared`;
}

/**
 * Makes sure that at least one ROI or image was compared.
 *
 * @throws ReigniteError NOT_COMPARABLE with the reasons for the first ROIs.
 */
export function expectCompared({ verdict, tasks }: SidesComparison): void {
  if (verdict !== 'not comparable') return;
  const reasons = tasks.flatMap(({ task, rois }) =>
    rois.map(({ roi, reason }) => `${TASK_TITLES[task]}, ${roi}: ${reason ?? NO_PIXEL}`),
  );
  const more = reasons.length - MAX_NAMED;
  const shown = [...reasons.slice(0, MAX_NAMED), ...(more > 0 ? [`And ${more} more.`] : [])];
  throw new ReigniteError(
    'NOT_COMPARABLE',
    `None of the predictions that A and B share can be compared. ${shown.join(' ')}`,
  );
}

function aboutDifferences(a: Side, b: Side): AboutDifference[] {
  const fields = new Set([...a.about.keys(), ...b.about.keys()]);
  const kinds = a.kind === b.kind ? [] : [{ field: 'kind of result', a: a.kind, b: b.kind }];
  const differing = [...fields].flatMap((field): AboutDifference[] => {
    const [one, other] = [a.about.get(field) ?? null, b.about.get(field) ?? null];
    return one === other ? [] : [{ field, a: one, b: other }];
  });
  // A run and an evaluation have no field in common: a list of all fields would not help.
  return a.kind === b.kind ? differing : kinds;
}

async function compareTask(
  task: Task,
  a: SideTask,
  b: SideTask,
  config: VerdictConfig,
  signal: AbortSignal,
  onRoi: (done: number, of: number) => void,
): Promise<ComparedTask> {
  const rois = [...a.predictions.keys()].filter((roi) => b.predictions.has(roi)).sort();
  if (rois.length === 0) {
    throw new ReigniteError('NOT_COMPARABLE', `${TASK_TITLES[task]}: A and B have no ROI or image in common.`);
  }
  refuseOtherTruth(task, rois, a, b);
  const cells = CELL_TASKS.find((each) => each === task);
  const compared: ComparedPrediction[] = [];
  for (const roi of rois) {
    signal.throwIfAborted();
    compared.push(await compareRoi(cells, roi, a, b, { config, signal }));
    onRoi(compared.length, rois.length);
  }
  const agreement = sumOfAgreements(compared.flatMap((each) => each.agreement ?? []));
  const scores = pairedScores(task, a, b, config);
  const names = a.labelNames ?? b.labelNames;
  const count = compared.filter((each) => each.agreement !== undefined).length;
  const of = new Set([...a.predictions.keys(), ...b.predictions.keys()]).size;
  const judged = withUnread(judge(cells !== undefined, agreement, scores, config), compared);
  return {
    task,
    ...(count > 0 ? judged : { verdict: 'not comparable' as const, reason: 'No ROI could be compared.' }),
    agreement,
    compared: count,
    of,
    ...(scores && { scores }),
    rois: compared.map(({ agreement: _counts, ...roi }) => roi),
    worst: worstFirst(compared),
    ...(names && { names }),
    remarks: remarksOn(a, b, compared, scores),
  };
}

/** @throws ReigniteError NOT_COMPARABLE when ROIs were scored against different ground truth. */
function refuseOtherTruth(task: Task, rois: readonly string[], a: SideTask, b: SideTask): void {
  const others = rois.filter((roi) => {
    const [ofA, ofB] = [a.truth?.[roi], b.truth?.[roi]];
    return ofA !== undefined && ofB !== undefined && ofA !== ofB;
  });
  if (others.length === 0) return;
  const cause = `${TASK_TITLES[task]}: A and B were scored against different ground truth of ${shortList(others)}.`;
  throw new ReigniteError('NOT_COMPARABLE', cause, {
    remedy: 'Run `npx reignite evaluate` for both with the same `--data`, then compare.',
  });
}

/** Compares the predictions of one ROI, image or slide. */
async function compareRoi(
  cells: CellTask | undefined,
  roi: string,
  a: SideTask,
  b: SideTask,
  { config, signal }: { readonly config: VerdictConfig; readonly signal: AbortSignal },
): Promise<ComparedPrediction> {
  const { maxDistance } = config.cells.tolerance;
  const [ofA, ofB] = [a.slides?.get(roi), b.slides?.get(roi)];
  const reason = whyNotOneSlide(ofA, ofB) ?? whyNotOneFile(a.sources?.get(roi), b.sources?.get(roi), 'images');
  if (reason !== undefined) return { roi, difference: null, reason };
  if (ofA === undefined || ofB === undefined) {
    return cells === undefined ? compareMaskFiles(roi, a, b) : comparePointFiles(cells, roi, a, b, maxDistance);
  }
  if (cells === undefined) return compareSlideMasks(roi, a, b, signal);
  const compared = await compareSlideCells(cells, roi, a, b, maxDistance);
  return ofA.tumour && ofB.tumour ? { ...compared, tumour: { a: ofA.tumour, b: ofB.tumour } } : compared;
}

function judge(
  isCells: boolean,
  { a, b, same, farthest }: Agreement,
  scores: PairedScores | undefined,
  config: VerdictConfig,
): { readonly verdict: Likeness; readonly reason: string } {
  const changes = (scores?.scores ?? []).map(({ difference }) => Math.abs(difference ?? 0));
  const change = Math.max(0, ...changes);
  const most = Math.max(a, b);
  const name = isCells ? 'F1' : 'Dice';
  const ofScores = scores === undefined ? '' : `; largest difference in ${name}: ${shortNumber(change)}`;
  const isEqual = same === most && farthest <= (isCells ? config.cells.reproduced.maxDistance : 0) && change === 0;
  const share = most === 0 ? 0 : 1 - same / most;
  const isNear = isCells
    ? 1 - share >= config.cells.tolerance.minMatchedFraction && change <= config.cells.tolerance.maxF1Difference
    : share <= config.he.tolerance.maxDifferingFraction && change <= config.he.tolerance.maxDiceDifference;
  const ofDistance = same === 0 ? '' : `; largest distance ${farthest.toFixed(2)} px`;
  const said = isCells
    ? `${counted(same, 'point has', 'points have')} a counterpart (A has ${grouped(a)}, B ${grouped(b)})${ofDistance}`
    : `${grouped(most - same)} of ${grouped(most)} pixels differ`;
  return { verdict: isEqual ? 'equal' : isNear ? 'within tolerance' : 'differs', reason: `${said}${ofScores}.` };
}

/** Lets ROIs that both sides have, but that cannot be compared, count as a difference. */
function withUnread(
  { verdict, reason }: { readonly verdict: Likeness; readonly reason: string },
  compared: readonly ComparedPrediction[],
): { readonly verdict: Likeness; readonly reason: string } {
  const unread = compared.filter((each) => each.reason !== undefined).length;
  if (unread === 0) return { verdict, reason };
  return { verdict: 'differs', reason: `${unread} of ${compared.length} cannot be compared; of the others, ${reason}` };
}

function remarksOn(
  a: SideTask,
  b: SideTask,
  compared: readonly ComparedPrediction[],
  scores: PairedScores | undefined,
): string[] {
  const onlyIn = (one: SideTask, other: SideTask) =>
    [...one.predictions.keys()].filter((roi) => !other.predictions.has(roi));
  const said = (side: string, rois: readonly string[]) =>
    rois.length === 0 ? [] : [`${counted(rois.length, 'ROI is', 'ROIs are')} only in ${side}: ${shortList(rois)}.`];
  const unread = compared.filter(({ difference }) => difference === null);
  return [
    ...said('A', onlyIn(a, b)),
    ...said('B', onlyIn(b, a)),
    ...unread.map(({ roi, reason }) => `${roi} was not compared. ${reason ?? NO_PIXEL}`),
    ...(scores === undefined
      ? ['No scores: A and B share no patient whose regions were scored against a ground truth.']
      : scores.leftOut.length === 0
        ? []
        : [
            `Patients left out of the scores, because A and B have different ROIs of them: ${shortList(scores.leftOut)}.`,
          ]),
    ...(scores?.warnings ?? []),
  ];
}

function shortList(names: readonly string[]): string {
  return names.length <= MAX_NAMED ? listed(names) : firstOf(names, MAX_NAMED);
}
