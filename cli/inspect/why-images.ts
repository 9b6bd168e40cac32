import { basename, extname } from 'node:path';
import { TaskFiles, type TaskPlan } from '../../activities/task/task-files.ts';
import { TASKS, type Task } from '../../config/tasks.ts';
import { type RunDescription, stateLine, stateText } from '../../runtime/run/describe-run.ts';
import { type CacheEntry, StepCache } from '../../toolkit/cache/step-cache.ts';
import { differenceInWords, differingParts, partInWords } from '../../toolkit/cache/why-missed.ts';
import { remedyOf } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { counted } from '../../toolkit/format.ts';
import type { NamedImage } from '../../toolkit/predict/prediction.ts';
import type { ImageFailure, PredictionSummary } from '../../toolkit/predict/prediction-summary.ts';
import type { Summary, TaskSummary } from '../../toolkit/report/summary.ts';
import {
  type Answer,
  type Failure,
  failureLines,
  type RunPart,
  type RunStep,
  stepLine,
  troubledSteps,
  troubleLines,
} from './run-steps.ts';

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
function hitOf(key: string | undefined, made: readonly CacheEntry[]): string {
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
function missOf(key: string | undefined, made: readonly CacheEntry[], isFresh = false): string {
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
async function allEntries(home: HomeFolders): Promise<readonly CacheEntry[]> {
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

/** What is known about a durable prediction: from Temporal, its history and its folder. */
export interface KnownPrediction {
  readonly kind: 'prediction';
  readonly description: RunDescription;
  readonly parts: readonly RunPart[];
  /** Its images, unless their list has been deleted. */
  readonly images?: readonly NamedImage[];
  /** The summary of everything in its folder. */
  readonly summary?: PredictionSummary;
}

/** Explains why a prediction ended as it did. */
export function explainPrediction(known: KnownPrediction): Answer {
  const { description, parts, summary } = known;
  const { run, status, paused } = description;
  const names = namesIn(known);
  const failure = parts.find((part) => part.workflow === run && part.failure !== undefined)?.failure;
  const failures = (summary?.failures ?? []).filter((each) => names.has(nameOf(each)));
  const predicted = (summary?.images ?? []).filter(({ name }) => names.has(name));
  const cached = predicted.filter((image) => image.cached).length;
  const steps = troubledSteps(parts);
  const counts = `${predicted.length} predicted (${cached} from the cache), ${failures.length} failed`;
  return {
    document: { run, status, paused, failure: failure ?? null, images: { total: names.size, cached }, failures, steps },
    lines: [
      stateLine(description),
      ...(failure === undefined ? [] : failureLines(failure)),
      `${counted(names.size, 'image')}: ${counts}`,
      ...failures.flatMap((each) => [nameOf(each), ...failureLines(each)]),
      ...troubleLines(steps),
    ],
  };
}

/** Explains every image of the prediction whose name is `word`, or else contains it; undefined if there is none. */
export async function explainImages(
  known: KnownPrediction,
  word: string,
  home: HomeFolders,
): Promise<Answer | undefined> {
  const { description, parts, summary } = known;
  const steps = parts.flatMap((part) => part.steps);
  const names = [...namesIn(known)];
  const wanted = names.includes(word) ? [word] : names.filter((name) => name.includes(word));
  if (wanted.length === 0) return undefined;
  const made = await allEntries(home);
  const images = wanted.map((name): ImageAnswer => {
    const ofImage = steps.filter((step) => imageOf(step) === name);
    const predicted = summary?.images.find((image) => image.name === name);
    const failure = summary?.failures.find((each) => nameOf(each) === name) ?? failureIn(ofImage);
    const facts = { image: name, steps: ofImage, ...(predicted?.key !== undefined && { key: predicted.key }) };
    if (failure !== undefined && !isDone(ofImage)) return { ...facts, state: 'failed', failure };
    // An image that an open prediction has not reached yet may have results of an earlier command in the folder.
    const isAhead = ofImage.length === 0 && description.closed === null;
    if (predicted === undefined || isAhead)
      return { ...facts, state: 'outstanding', because: `It has not been predicted yet${waitingFor(description)}.` };
    return predicted.cached
      ? { ...facts, state: 'cached', because: hitOf(predicted.key, made) }
      : { ...facts, state: 'computed', because: missOf(predicted.key ?? '', made) };
  });
  return { document: { run: description.run, images }, lines: images.flatMap(imageLines) };
}

/** Says why an open prediction does not continue, if it is paused or interrupted. */
function waitingFor(description: RunDescription): string {
  const state = stateText(description);
  return state === 'running' || description.closed !== null ? '' : `: the prediction is ${state}`;
}

interface ImageAnswer {
  readonly image: string;
  readonly state: 'computed' | 'cached' | 'failed' | 'outstanding';
  /** The reason, in a sentence; a failure has its own. */
  readonly because?: string;
  readonly failure?: Pick<ImageFailure, 'cause' | 'remedy'> & { readonly code: string };
  /** Key of the network's output in the cache. */
  readonly key?: string;
  readonly steps: readonly RunStep[];
}

function imageLines({ image, state, because = '', failure, steps }: ImageAnswer): string[] {
  return [
    `${image}: ${state}`,
    ...(failure === undefined ? [`  ${because}`] : failureLines(failure)),
    ...steps.map(stepLine),
  ];
}

/** Returns the names of a prediction's images, from its list, or else from its activities. */
function namesIn({ images, parts }: KnownPrediction): ReadonlySet<string> {
  if (images !== undefined) return new Set(images.map(({ name }) => name));
  return new Set(parts.flatMap((part) => part.steps.flatMap((step) => imageOf(step) ?? [])));
}

/** Returns the image of an activity: its summary, which for slides is followed by the strips. */
function imageOf({ step, summary }: RunStep): string | undefined {
  if (step === 'predictImage') return summary;
  if (step !== 'planSlide' && step !== 'predictStrip') return undefined;
  return summary.replace(/: strip(s| \d+ of \d+)$/, '');
}

/** Returns whether the last activity of an image, which completes its prediction, has succeeded. */
function isDone(steps: readonly RunStep[]): boolean {
  const last = steps.at(-1);
  return last?.step === 'predictImage' && last.outcome === 'completed';
}

/** Returns the failure of an image or of an attempt at it: strips after the failed one may have completed. */
function failureIn(steps: readonly RunStep[]): RunStep['failure'] {
  return steps.findLast(({ outcome, failure }) => outcome !== 'completed' && failure !== undefined)?.failure;
}

function nameOf({ image }: ImageFailure): string {
  return basename(image, extname(image));
}
