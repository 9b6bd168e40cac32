import { TaskFiles, type TaskPlan } from '../../activities/task/task-files.ts';
import { TASKS, type Task } from '../../config/tasks.ts';
import { type CacheEntry, StepCache } from '../../toolkit/cache/step-cache.ts';
import { differenceInWords, differingParts, partInWords } from '../../toolkit/cache/why-missed.ts';
import { remedyOf } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import type { Summary, TaskSummary } from '../../toolkit/report/summary.ts';
import type { Failure, RunPart, RunStep } from './run-steps.ts';

export interface RoiAnswer {
  readonly task: Task;
  readonly roi: string;
  readonly state: 'computed' | 'cached' | 'failed' | 'set aside' | 'skipped' | 'outstanding';
  /** The reason, in a sentence. */
  readonly because: string;
  readonly failure?: Failure;
  /** Key of its result in the cache. */
  readonly key?: string;
  readonly steps: readonly RunStep[];
}

const INFERENCE: ReadonlySet<string> = new Set(['inferRoi']);

/** Explains every ROI of the run whose name is `word`, or else contains it. */
export async function explainRois(
  word: string,
  run: { readonly id: string; readonly digest: string; readonly parts: readonly RunPart[]; readonly summary?: Summary },
  home: HomeFolders,
): Promise<readonly RoiAnswer[]> {
  const answers: RoiAnswer[] = [];
  for (const task of TASKS) {
    const stage = await stageOf(task, run, home);
    if (stage === undefined) continue;
    const names = stage.plan.rois.map(({ roi }): string => roi);
    const wanted = names.includes(word) ? [word] : names.filter((roi) => roi.includes(word));
    const made = wanted.length === 0 ? [] : await allEntries(home);
    for (const roi of wanted) {
      const steps = run.parts
        .filter(({ workflow }) => workflow.startsWith(`${run.id}/${task}/`))
        .flatMap((part) => part.steps.filter(({ step, summary }) => INFERENCE.has(step) && summary === roi));
      const listed = run.summary?.tasks[task]?.failures.find((each) => each.roi === roi);
      const key = stage.plan.rois.find((each) => each.roi === roi)?.key;
      const isOutstanding = stage.outstanding.has(roi);
      const isFresh = run.summary?.generation !== undefined;
      answers.push({ task, roi, steps, ...explain({ steps, listed, isOutstanding, key, made, isFresh }) });
    }
  }
  return answers;
}

interface Known {
  readonly steps: readonly RunStep[];
  readonly listed: TaskSummary['failures'][number] | undefined;
  /** Whether the plan of the stage found no result in the cache. */
  readonly isOutstanding: boolean;
  readonly key: string | undefined;
  readonly made: readonly CacheEntry[];
  /** Whether the run was started with `--fresh`. */
  readonly isFresh: boolean;
}

function explain(known: Known): Omit<RoiAnswer, 'task' | 'roi' | 'steps'> {
  const { steps, listed, isOutstanding, key, made, isFresh } = known;
  const last = steps.at(-1);
  const named = key === undefined ? {} : { key };
  if (listed?.code === 'ROI_SKIPPED') {
    return {
      state: 'skipped',
      because: listed.cause,
      failure: { ...listed, remedy: remedyOf('ROI_SKIPPED') },
      ...named,
    };
  }
  const ended = last?.outcome === 'failed' ? last.failure : undefined;
  const failure =
    ended ?? (listed === undefined ? undefined : { ...listed, remedy: listed.remedy ?? remedyOf(listed.code) });
  if (failure !== undefined) {
    const state = failure.code === 'ROI_SET_ASIDE' ? 'set aside' : 'failed';
    return { state, because: failure.cause, failure: pick(failure), ...named };
  }
  // When a run resumes, its new plan finds in the cache what the run itself has computed.
  const isComputed = last?.outcome === 'completed';
  if (!isOutstanding && !isComputed) return { state: 'cached', because: hitOf(key, made), ...named };
  const because = missOf(key, made, isFresh);
  if (isComputed) return { state: 'computed', because, ...named };
  const waits = last?.failure === undefined ? {} : { failure: pick(last.failure) };
  return { state: 'outstanding', because, ...waits, ...named };
}

function pick({ code, cause, remedy }: Failure): Failure {
  return { code, cause, remedy };
}

/** Parts of a key that mean nothing to users. */
const OMITTED: ReadonlySet<string> = new Set(['step', 'schema', 'generation', 'precision', 'engine']);

/** Explains in a sentence why a result was taken from the cache. */
export function hitOf(key: string | undefined, made: readonly CacheEntry[]): string {
  return `It came from the cache, computed from the same inputs${inputsOf(key, made)}.`;
}

function inputsOf(key: string | undefined, made: readonly CacheEntry[]): string {
  const parts = Object.entries(made.find((entry) => entry.key === key)?.parts ?? {});
  const named = parts.filter(([name]) => !OMITTED.has(name));
  const text = named.map(([name, value]) => `${partInWords(name)} ${String(value).slice(0, 16)}`).join(', ');
  return text === '' ? '; its cache entry has been deleted since' : `: ${text}`;
}

/**
 * Explains in a sentence why a result was computed, or has to be, and was not taken from the cache.
 *
 * @param isFresh - Whether the run was started with `--fresh`.
 */
export function missOf(key: string | undefined, made: readonly CacheEntry[], isFresh = false): string {
  if (key === undefined) return 'A file of the ROI was missing during planning.';
  const entry = made.find((each) => each.key === key);
  if (entry === undefined) {
    return isFresh ? 'The run was started with --fresh: it uses no earlier result.' : 'The cache had no result for it.';
  }
  const others = made.filter((each) => each.key !== key && each.parts['rounding'] === undefined);
  const differing = differingParts(others, entry.parts);
  if (differing === undefined) return 'Its image had not been predicted before.';
  if (differing.join() === 'generation') return 'It was computed again because of --fresh.';
  return `Its image was predicted before, but ${differenceInWords(differing)}.`;
}

/** Reads all entries of the cache. */
export async function allEntries(home: HomeFolders): Promise<readonly CacheEntry[]> {
  const made: CacheEntry[] = [];
  for await (const entry of new StepCache(home.cache).entries()) made.push(entry);
  return made;
}

/** Returns the newest plan of a stage of the run. */
async function stageOf(
  task: Task,
  { id, digest, parts }: { readonly id: string; readonly digest: string; readonly parts: readonly RunPart[] },
  home: HomeFolders,
): Promise<{ readonly plan: TaskPlan; readonly outstanding: ReadonlySet<string> } | undefined> {
  for (const { workflow, execution } of [...parts].reverse()) {
    if (workflow !== `${id}/${task}`) continue;
    const files = new TaskFiles(home, { folder: `${digest}/${execution}/${task}` });
    const plan = await files.readPlan().catch(() => undefined);
    if (plan === undefined) continue;
    const outstanding = new Set<string>();
    for (let batch = 0; ; batch++) {
      const rois = await files.readBatch(batch).catch(() => undefined);
      if (rois === undefined) return { plan, outstanding };
      for (const { roi, need } of rois) if (need === 'infer') outstanding.add(roi);
    }
  }
  return undefined;
}
