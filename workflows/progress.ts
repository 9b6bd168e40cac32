import { defineQuery, defineSignal, getExternalWorkflowHandle, isCancellation, patched } from '@temporalio/workflow';
import type { RunStatus, TaskOutcome } from '../activities/report/run-results.ts';
import { TASK_TITLES } from '../config/tasks.ts';
import type { ControlState } from './control.ts';
import type { NamedFailure } from './failures.ts';

/** Progress of one stage of a run. */
export interface StageProgress {
  readonly stage: string;
  /** What is counted: files, ROIs. */
  readonly unit: string;
  readonly done: number;
  readonly of: number;
  readonly cached: number;
  readonly failed: number;
  readonly state: 'running' | 'done' | 'failed';
}

/** Progress of a stage whose run an earlier version started. Stages no longer send it; they answer the query `progress`. */
export const stageProgress = defineSignal<[StageProgress]>('stageProgress');
/**
 * Of a run: its stages, in the order in which they started; open ones have no counts. Of a stage or a batch: its own
 * count.
 */
export const progress = defineQuery<StageProgress[]>('progress');

/**
 * Maximum number of signals that a stage sends while it runs, whatever its size, so that the run's timeline stays
 * readable.
 */
const SIGNALS_PER_STAGE = 10;
/** A shorter batch sends no signals while it runs; its own page in the Temporal UI shows its progress. */
const QUIET_MS = 60_000;

/** Decides which counts of a stage are signalled to its run. */
export class ProgressThrottle {
  #at: number;
  #share: number;
  readonly #of: number;

  /**
   * @param done - What is already done, out of `of`.
   * @param now - Workflow time, in ms.
   */
  constructor(done: number, of: number, now: number) {
    this.#of = of;
    this.#at = now;
    this.#share = this.#shareOf(done);
  }

  /** Returns whether `done` is in another tenth than the last signalled count, and that was at least a minute ago. */
  isDue(done: number, now: number): boolean {
    const share = this.#shareOf(done);
    if (share === this.#share || now - this.#at < QUIET_MS) return false;
    this.#at = now;
    this.#share = share;
    return true;
  }

  #shareOf(done: number): number {
    return Math.floor((done * SIGNALS_PER_STAGE) / Math.max(1, this.#of));
  }
}

/**
 * Signals a run that an earlier version started; newer stages answer queries, which leave no events in the history. A
 * run that is closing no longer listens; this does not fail the stage.
 */
export async function signalParent(run: string, update: StageProgress): Promise<void> {
  if (patched('0.1.0-progress-by-query')) return;
  try {
    await getExternalWorkflowHandle(run).signal(stageProgress, update);
  } catch (error) {
    if (isCancellation(error)) throw error;
  }
}

/** Titles of stages for people. */
const STAGE_TITLES: Readonly<Record<string, string>> = { acquire: 'Download and unpack', ...TASK_TITLES };

/** Returns a stage that has started but has not counted its work yet. */
export function startedStage(stage: string): StageProgress {
  return { stage, unit: 'ROIs', done: 0, of: 0, cached: 0, failed: 0, state: 'running' };
}

/** A stage as shown in a table. */
export interface ShownStage extends Omit<StageProgress, 'state'> {
  readonly state: StageProgress['state'] | 'paused';
  /** Whether more may be done than is known here, since the open batch has its own count. */
  readonly isLeast?: boolean;
}

/** An extra column of one table. */
export interface StageColumn {
  readonly title: string;
  readonly textOf: (stage: ShownStage) => string;
}

/** Formats stages as a Markdown table, for a page in the Temporal UI. */
export function progressTable(stages: readonly ShownStage[], more: readonly StageColumn[] = []): string {
  const rows = stages.map((stage) => {
    const { cached, failed, state } = stage;
    const title = STAGE_TITLES[stage.stage] ?? stage.stage;
    // Items from the cache and failed items are included in the done count.
    const others = stage.of === 0 ? ['', ''] : [String(cached), String(failed)];
    const usual = [title, state, doneText(stage), ...others];
    return [...usual, ...more.map(({ textOf }) => textOf(stage))];
  });
  return markdownTable(['Stage', 'State', 'Done', 'Cached', 'Failed', ...more.map(({ title }) => title)], rows);
}

function doneText({ unit, done, of, state, isLeast = false }: ShownStage): string {
  if (of === 0) return state === 'done' ? `no\u00a0${unit}` : 'see\u00a0its\u00a0page';
  const isMoreUnknown = isLeast && done < of;
  if (isMoreUnknown && done === 0) return `${of}\u00a0${unit}, see the open batch`;
  const least = isMoreUnknown ? 'at\u00a0least\u00a0' : '';
  return `${least}${done}\u00a0of\u00a0${of}\u00a0${unit} (${Math.floor((100 * done) / of)}\u00a0%)`;
}

/** Formats a table. The UI puts no space between cells, so each gets non-breaking spaces, which do not collapse. */
function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `|${cells.map((cell) => ` ${inCell(cell)}\u00a0\u00a0 `).join('|')}|`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function inCell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}

/** Progress of one file of the record; the heartbeats of its activity report the bytes. */
export interface FileProgress {
  readonly key: string;
  /** In bytes. */
  readonly size: number;
  readonly state: 'waiting' | 'fetching' | 'unpacking' | 'done';
}

/** The files of an acquisition, in the order of the record. */
export const fileProgress = defineQuery<FileProgress[]>('files');

/** Formats files as a Markdown table, for the acquisition's page in the Temporal UI. */
export function fileTable(title: string, files: readonly FileProgress[]): string {
  const rows = files.map(({ key, size, state }) => [key, sizeText(size), state]);
  return [title, '', markdownTable(['File', 'Size', 'State'], rows)].join('\n');
}

export function sizeText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`;
}

/** What the page of a run shows. */
export interface RunView {
  /** ID of the run's workflow. */
  readonly run: string;
  readonly stages: readonly StageProgress[];
  /** When each stage started. */
  readonly startedAt: ReadonlyMap<string, string>;
  readonly control: ControlState;
  readonly outcomes: Readonly<Record<string, TaskOutcome>>;
  /** Set when the run ends. */
  readonly end?: RunEnd;
}

export interface RunEnd {
  readonly status: RunStatus;
  readonly failure?: NamedFailure;
  /** What was compared, in a few words. */
  readonly compared?: string;
  /** The results folder. */
  readonly results: string;
}

/** Formats a run as Markdown, for its page in the Temporal UI: its state, its stages, and the interventions. */
export function runDetails({ run, stages, startedAt, control, outcomes, end }: RunView): string {
  const { paused, interventions } = control;
  // The UI's panel has room for one more column: the start of each stage, and once the run has ended its verdict.
  const column: StageColumn =
    end?.status === 'done' || end?.status === 'partial'
      ? { title: 'Verdict', textOf: ({ stage }) => saidOf(outcomes[stage]) }
      : {
          title: 'Started (UTC)',
          textOf: ({ stage }) =>
            (startedAt.get(stage) ?? '').slice(5, 16).replace('T', '\u00a0').replace('-', '\u2011'),
        };
  // The stages of a paused run were interrupted and send nothing.
  const shown = stages.map(
    (stage): ShownStage =>
      stage.state === 'running' ? { ...stage, ...(paused && { state: 'paused' }), isLeast: true } : stage,
  );
  const isOpen = end === undefined && shown.some(({ state }) => state === 'running');
  return [
    ...headline(run, paused, end),
    ...(end === undefined ? [] : verdictList(outcomes)),
    progressTable(shown, [column]),
    ...(isOpen ? ['', 'The page of each stage shows its counts: open it in the Relationships tab.'] : []),
    ...(interventions.length === 0 ? [] : ['', 'Interventions (UTC):', '']),
    ...interventions.map(({ at, what }) => `- ${clock(at)} ${what}`),
  ].join('\n');
}

/** Lists the outcome of each task, one line each. */
function verdictList(outcomes: RunView['outcomes']): string[] {
  const lines = Object.entries(outcomes).map(([task, outcome]) => {
    const title = STAGE_TITLES[task] ?? task;
    return `- **${title}**: ${[saidOf(outcome), ...(outcome.scores ?? [])].join('. ')}`;
  });
  return lines.length === 0 ? [] : [...lines, ''];
}

/** Returns the verdict in words; runs of earlier versions have only the plain verdict. */
export function saidOf(outcome: TaskOutcome | undefined): string {
  return outcome?.said ?? outcome?.verdict ?? '';
}

function headline(run: string, paused: boolean, end: RunEnd | undefined): string[] {
  if (end === undefined) return paused ? [`**Paused.** Resume with \`npx reignite resume ${run}\`.`, ''] : [];
  const { status, failure, results, compared } = end;
  const about = compared === undefined ? '' : `Compared: ${compared}. `;
  const report = `${about}Report: \`${results}/report/index.html\``;
  if (status === 'done') return [`**Done.** ${report}`, ''];
  if (status === 'partial') {
    return [
      `**Done in part: some ROIs failed.** \`npx reignite why ${run}\` names them, \`npx reignite retry ${run}\` computes them again. ${report}`,
      '',
    ];
  }
  if (status === 'cancelled') return ['**Cancelled.** Run the same `npx reignite run` again to resume.', ''];
  const { code = '', cause = '', remedy = '' } = failure ?? {};
  return [`**Failed: ${code}.** ${cause} ${remedy}`, ''];
}

function clock(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}
