import { PredictionFiles } from '../../activities/predict/prediction-files.ts';
import { taskQueue } from '../../config/tasks.ts';
import { loadConfig } from '../../runtime/config/load-config.ts';
import type { KnownPrediction } from '../../runtime/run/find-run.ts';
import { type LiveStage, pendingSteps } from '../../runtime/run/run-progress.ts';
import { type OnceOpen, startOrAttach } from '../../runtime/run/start-or-attach.ts';
import { type Look, untilClosed } from '../../runtime/run/until-closed.ts';
import type { ServerSession } from '../../runtime/session/server-session.ts';
import { watchOn, withServer } from '../../runtime/session/with-server.ts';
import { workerSettingsOf } from '../../runtime/workers/worker-settings.ts';
import { homeFromEnvironment } from '../../toolkit/files/home-folders.ts';
import type { NamedImage } from '../../toolkit/predict/prediction-order.ts';
import {
  describeFailure,
  type PredictionSummary,
  readPredictionSummary,
} from '../../toolkit/predict/prediction-summary.ts';
import type { ControlState } from '../../workflows/control.ts';
import type { predictImages } from '../../workflows/predict-images.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { RESUMABLE, STILL_RUNNING, whenInterrupted } from '../interruption.ts';
import { printStep } from '../output.ts';
import { PAUSED, RESUMED, tellRunPage } from '../run/follow-run.ts';
import { openProgress } from '../run/progress-display.ts';
import { tellPrediction } from './tell-prediction.ts';

/** Queues that a prediction needs. */
export const PREDICTION_QUEUES = ['orchestration', 'inference'] as const;

/**
 * Follows a prediction to its end and prints the result; opens its own server session if no other command works on it.
 *
 * @param options.start - Whether to start it again first.
 * @returns The exit status.
 */
export async function followKnownPrediction(
  prediction: KnownPrediction,
  { start, json }: { readonly start: boolean; readonly json: boolean },
  signal: AbortSignal,
): Promise<number> {
  const { order, list } = prediction.input;
  const home = homeFromEnvironment();
  const settings = workerSettingsOf(await loadConfig({ profile: 'sample', set: [] }));
  let toStart = start;
  await withServer({ home, settings, queues: PREDICTION_QUEUES, onStep: printStep, signal }, async (session) => {
    whenInterrupted(session.owner ? RESUMABLE : STILL_RUNNING);
    if (toStart) await startPrediction(session, prediction);
    toStart = false;
    await followPrediction(session, prediction.id, signal);
  });
  const images = await new PredictionFiles(home, list).readAll(list.batches);
  return tellPrediction(await readRunSummary(order.out, images), images, order.out, { json }, signal);
}

/** Reads the summary of a finished prediction, and prints the images that failed. */
export async function readRunSummary(out: string, images: readonly NamedImage[]): Promise<PredictionSummary> {
  const summary = await readPredictionSummary(out);
  const paths = new Set(images.map(({ path }) => path));
  for (const failure of summary.failures) if (paths.has(failure.image)) printStep(describeFailure(failure));
  return summary;
}

/** Starts a prediction, or attaches to the open one. */
export async function startPrediction(
  { client, server }: ServerSession,
  { id, input }: KnownPrediction,
): Promise<void> {
  const { order, list, temporal } = input;
  const flow: OnceOpen = {
    workflowId: id,
    taskQueue: taskQueue(temporal.taskQueuePrefix, 'orchestration'),
    staticSummary: `Predict ${list.total} ${list.total === 1 ? 'image' : 'images'}: ${order.task}`,
    staticDetails: [
      `- Model: \`${order.model}\``,
      `- Predictions: \`${order.out}\``,
      '- A pending activity shows its image and tile.',
      '- To resume after a stop, run the same `npx reignite predict --run` again.',
    ],
    memo: { model: order.model, out: order.out },
    restarting:
      'The open prediction was started by another version of reignite. Restarting it; finished work is reused from the cache.',
    start: (options) => client.workflow.start<typeof predictImages>('predictImages', { ...options, args: [input] }),
  };
  const how = await startOrAttach(client, server, flow, printStep);
  printStep(`${how === 'started' ? 'Started' : 'Attached to'} ${id}`);
}

/** Follows a prediction until it has closed. @throws The error that ended it; the signal's reason. */
export async function followPrediction(session: ServerSession, id: string, signal: AbortSignal): Promise<void> {
  const { client, server } = session;
  tellRunPage(server, id);
  const display = openProgress();
  let wasPaused = false;
  const show = ({ stages, paused }: PredictionProgress) => {
    if (paused !== wasPaused) printStep(paused ? PAUSED : RESUMED);
    wasPaused = paused;
    display.show(stages);
  };
  try {
    await watchOn(session, signal, (until) => watchPrediction(client, id, show, until));
  } finally {
    display.end();
  }
  await client.workflow.getHandle<typeof predictImages>(id).result();
}

interface PredictionProgress {
  readonly stages: readonly LiveStage[];
  readonly paused: boolean;
}

function watchPrediction(
  client: ServerSession['client'],
  id: string,
  onProgress: (progress: PredictionProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const handle = client.workflow.getHandle(id);
  const look: Look = async ({ raw }, ask) => {
    const stages = await ask(() => handle.query<StageProgress[]>('progress'));
    const control = await ask(() => handle.query<ControlState>('control'));
    const steps = pendingSteps(raw.pendingActivities ?? []);
    const live = stages?.map((stage) => ({ ...stage, steps }));
    if (live !== undefined) onProgress({ stages: live, paused: control?.paused ?? false });
  };
  return untilClosed(client, id, look, signal);
}
