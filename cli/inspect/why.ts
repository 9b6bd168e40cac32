import { parse } from 'node:path';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { PredictionFiles } from '../../activities/predict-images.ts';
import { TASKS, type Task } from '../../config/tasks.ts';
import {
  askPaused,
  describeRun,
  isPrediction,
  type RunDescription,
  stateLine,
  summaryOf,
} from '../../runtime/run/describe-run.ts';
import { findRun, predictionInputOf, RUNS_AND_PREDICTIONS } from '../../runtime/run/find-run.ts';
import type { ServerSession } from '../../runtime/server/server-session.ts';
import { type RecordKind, verdictText } from '../../toolkit/dataset/provenance.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { counted } from '../../toolkit/format.ts';
import type { NamedImage } from '../../toolkit/predict/prediction.ts';
import { readPredictionSummary } from '../../toolkit/predict/prediction-summary.ts';
import type { Summary, TaskSummary } from '../../toolkit/report/summary.ts';
import { EXIT, printable, printResult } from '../output.ts';
import { failedRoiLines, verdictReasons } from '../run/run-report.ts';
import { withHomeServer } from '../with-home-server.ts';
import {
  type Answer,
  failureLines,
  isCalled,
  partsOf,
  type RunPart,
  stepLine,
  troubledSteps,
  troubleLines,
} from './run-steps.ts';
import { explainImages, explainPrediction, explainRois, type KnownPrediction, type RoiAnswer } from './why-images.ts';

/** Files of a results folder, whose names are those of ROIs. */
const RESULT_FILE = /\.(?:png|json|geojson|npy|tiff?|csv)$/i;

/** Time within which a worker that was just started answers. */
const QUERY_MS = 15_000;

function roiLines({ task, roi, state, because, failure, steps }: RoiAnswer): string[] {
  return [
    `${task} ${roi}: ${state}`,
    ...(failure === undefined ? [`  ${because}`] : failureLines(failure)),
    ...steps.map(stepLine),
  ];
}

async function taskLines(
  task: Task,
  { rois, verdict, failures }: TaskSummary,
  results: string,
  kind: RecordKind,
): Promise<string[]> {
  const { total, computed, cached, failed } = rois;
  const reasons = await verdictReasons(task, results, kind);
  return [
    `${task}: ${verdictText(kind, verdict)}; ${counted(total, 'ROI')}, ${computed} computed, ${cached} from the cache, ${failed} failed`,
    ...reasons.map((line) => `  ${line}`),
    ...failures.flatMap(failedRoiLines),
  ];
}

/** What is known about a run: from Temporal, its history and its results folder. */
export interface KnownRun {
  readonly kind: 'run';
  readonly description: RunDescription;
  readonly parts: readonly RunPart[];
  readonly summary?: Summary;
}

type Known = KnownRun | KnownPrediction;

/**
 * `reignite why`: explains why a run or a prediction ended as it did; why an ROI or an image was computed, taken from
 * the cache, skipped or failed; how often an activity was attempted, and where it is in the history.
 *
 * @param words - A run, an ROI, an image or an activity, or a run and one of these. A single word is first looked up in
 *   the newest run.
 * @throws ReigniteError RUN_NOT_FOUND; USAGE when the run has no such ROI, image or activity.
 */
export async function whyCommand(
  words: readonly string[],
  { json = false }: { readonly json?: boolean },
  signal: AbortSignal,
): Promise<number> {
  const [first, second] = words;
  // With a worker, so that an open run can answer whether it is paused.
  const answer = await withHomeServer(signal, ['orchestration'], async (session) => {
    const { client } = session;
    const known = async (part: string | undefined): Promise<Known> => {
      const execution = await findRun(client, part, RUNS_AND_PREDICTIONS);
      const description = await describeNow(session, execution);
      const facts = { description, parts: await partsOf(client, execution) };
      if (isPrediction(execution)) {
        const images = await imagesOf(client, execution).catch(() => undefined);
        const predicted = await readPredictionSummary(description.results ?? '').catch(() => undefined);
        return { kind: 'prediction', ...facts, ...(images && { images }), ...(predicted && { summary: predicted }) };
      }
      const summary = await summaryOf(execution);
      return { kind: 'run', ...facts, ...(summary && { summary }) };
    };
    if (second !== undefined) return answerOn(await known(first), second);
    const newest = await known(undefined);
    if (first === undefined) return answerRun(newest);
    const there = await tryAnswer(newest, first);
    return there ?? answerRun(await known(first).catch(refuseWord(newest, first)));
  });
  printResult(json ? JSON.stringify(answer.document, null, 1) : printable(answer.lines.join('\n')));
  return EXIT.done;
}

/** Describes a run as `status` does: an open run is queried whether it is paused. */
async function describeNow(session: ServerSession, execution: WorkflowExecutionInfo): Promise<RunDescription> {
  const known = await describeRun(session, execution);
  const isPaused = known.closed === null && (known.paused || (await askPaused(session.client, execution, QUERY_MS)));
  return { ...known, paused: isPaused };
}

/** Returns the input images of a prediction. */
async function imagesOf(client: Client, execution: WorkflowExecutionInfo): Promise<readonly NamedImage[]> {
  const { list } = await predictionInputOf(client, execution);
  return new PredictionFiles(homeFromEnvironment(), list).readAll(list.batches);
}

async function answerOn(run: Known, word: string): Promise<Answer> {
  const answer = await tryAnswer(run, word);
  if (answer !== undefined) return answer;
  const { run: id } = run.description;
  throw new ReigniteError('USAGE', `The run ${id} has no ROI, image or activity ${word}.`, {
    remedy: `Use the name of a file in its folder, or run \`npx reignite why ${id}\` to list its failures.`,
  });
}

/** A single word that is not in the newest run may be part of a run ID: says so if it is neither. */
function refuseWord({ description: { run } }: Known, word: string) {
  return (error: unknown): never => {
    if (!(error instanceof ReigniteError && error.code === 'RUN_NOT_FOUND')) throw error;
    throw new ReigniteError(
      'RUN_NOT_FOUND',
      `${error.message} The newest run, ${run}, has no ROI, image or activity ${word}.`,
      {
        cause: error,
        remedy: 'Use the name of a file in the folder of the newest run, or an ID that `npx reignite list` prints.',
      },
    );
  };
}

async function tryAnswer(known: Known, word: string): Promise<Answer | undefined> {
  const { description, parts } = known;
  const id = description.run;
  const steps = parts.flatMap((part) =>
    part.workflow === `${id}/${word}` ? part.steps : part.steps.filter(isCalled(word)),
  );
  const found =
    known.kind === 'run' ? await answerRois(known, word) : await explainImages(known, word, homeFromEnvironment());
  if (found !== undefined) return found;
  if (steps.length === 0 && RESULT_FILE.test(word)) return tryAnswer(known, parse(word).name);
  return steps.length === 0 ? undefined : { document: { run: id, steps }, lines: [id, ...steps.map(stepLine)] };
}

async function answerRois({ description, parts, summary }: KnownRun, word: string): Promise<Answer | undefined> {
  const id = description.run;
  const digest = id.split('/').at(-1) ?? '';
  const of = { id, digest, parts, ...(summary === undefined ? {} : { summary }) };
  const rois = await explainRois(word, of, homeFromEnvironment());
  return rois.length === 0 ? undefined : { document: { run: id, rois }, lines: rois.flatMap(roiLines) };
}

/** Explains why a run ended as it did, with the reasons of its verdicts; or a prediction. */
export async function answerRun(known: Known): Promise<Answer> {
  if (known.kind === 'prediction') return explainPrediction(known);
  const { description, parts, summary } = known;
  const { run, status, paused } = description;
  const failure = parts.find(({ workflow }) => workflow === run)?.failure;
  const steps = troubledSteps(parts);
  const { tasks = {}, interventions = [] } = summary ?? {};
  const kind = description.provenance?.kind ?? 'other';
  const ofTasks = await Promise.all(
    TASKS.map(async (task) => {
      const of = tasks[task];
      return of === undefined ? [] : taskLines(task, of, description.results ?? '', kind);
    }),
  );
  return {
    document: { run, status, paused, failure: failure ?? null, tasks, interventions, steps },
    lines: [
      stateLine(description),
      ...(failure === undefined ? [] : failureLines(failure)),
      ...ofTasks.flat(),
      ...interventions.map(({ at, what }) => `${at.slice(0, 19)} ${what}`),
      ...troubleLines(steps),
    ],
  };
}
