import { defineQuery, defineSignal, getExternalWorkflowHandle, isCancellation, patched } from '@temporalio/workflow';
import { TASK_TITLES } from '../config/tasks.ts';

/** How far one stage of a run is. */
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

/** Progress of a stage of a run that an earlier version started. Stages send none since; they are asked by the query `progress`. */
export const stageProgress = defineSignal<[StageProgress]>('stageProgress');
/**
 * The stages of a run, in the order in which they began, without counts while they are open; of a stage or a batch its
 * own count.
 */
export const progress = defineQuery<StageProgress[]>('progress');

/** Most signals that a stage sends on its way, whatever its size, so that the run's timeline shows its children. */
const SIGNALS_PER_STAGE = 10;
/** A batch that takes less time sends no signal on its way; its own page in the Temporal UI shows its progress. */
const QUIET_MS = 60_000;

/** Decides which counts of a stage are signalled to its run. */
export class ProgressThrottle {
  #at: number;
  #share: number;
  readonly #of: number;

  /**
   * @param done - What is done already, of `of`.
   * @param now - Time of the workflow, in ms.
   */
  constructor(done: number, of: number, now: number) {
    this.#of = of;
    this.#at = now;
    this.#share = this.#shareOf(done);
  }

  /** Whether `done` is in another tenth than the last signalled count, a minute or more ago. */
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
 * Signals a run that an earlier version started. Stages answer queries since then, which leave no events in the history.
 * A closing run no longer listens; that does not fail the stage.
 */
export async function signalParent(run: string, update: StageProgress): Promise<void> {
  if (patched('0.1.0-progress-by-query')) return;
  try {
    await getExternalWorkflowHandle(run).signal(stageProgress, update);
  } catch (error) {
    if (isCancellation(error)) throw error;
  }
}

/** Stages as people call them. */
const STAGE_TITLES: Readonly<Record<string, string>> = { acquire: 'Download and unpack', ...TASK_TITLES };

/** A stage that has started, before it has counted what there is to do. */
export function startedStage(stage: string): StageProgress {
  return { stage, unit: 'ROIs', done: 0, of: 0, cached: 0, failed: 0, state: 'running' };
}

/** A stage as a table shows it. */
export interface ShownStage extends Omit<StageProgress, 'state'> {
  readonly state: StageProgress['state'] | 'paused';
  /** Whether more may be done than is known here: the open batch counts for itself. */
  readonly isLeast?: boolean;
}

/** An extra column of one table. */
export interface StageColumn {
  readonly title: string;
  readonly textOf: (stage: ShownStage) => string;
}

/** The stages as a Markdown table, for a page in the Temporal UI. */
export function progressTable(stages: readonly ShownStage[], more: readonly StageColumn[] = []): string {
  const rows = stages.map((stage) => {
    const { cached, failed, state } = stage;
    const title = STAGE_TITLES[stage.stage] ?? stage.stage;
    // What is taken from the cache and what failed is counted together with what is done.
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

/** The UI sets cells without any space between them: each brings its own, which does not collapse. */
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

/** The files as a Markdown table, for the acquisition's page in the Temporal UI. */
export function fileTable(title: string, files: readonly FileProgress[]): string {
  const rows = files.map(({ key, size, state }) => [key, sizeText(size), state]);
  return [title, '', markdownTable(['File', 'Size', 'State'], rows)].join('\n');
}

export function sizeText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`;
}
