import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type {
  DrawBatchInput,
  EngineRef,
  InferRoiInput,
  ModelRef,
  PlanTaskInput,
  RunInput,
} from '../../activities/inputs.ts';
import { noteVerdicts } from '../../activities/report/run-results.ts';
import { createWriteTrace } from '../../activities/report/write-trace.ts';
import { planRois } from '../../activities/task/prepare-task.ts';
import { createReadBatch, TaskFiles } from '../../activities/task/task-files.ts';
import { configDigest } from '../../config/digest.ts';
import { RunConfig } from '../../config/schema.ts';
import { QUEUES, type Queue, type Task, taskQueue } from '../../config/tasks.ts';
import { connectionOptionsOf, type ServerAddress } from '../../runtime/server/connection.ts';
import { workerIdentity } from '../../runtime/workers/pollers.ts';
import { workflowBundle } from '../../runtime/workers/workflow-bundle.ts';
import { FileDigests } from '../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { RoiStem } from '../../toolkit/dataset/layout.ts';
import { type HomeFolders, homeFolders } from '../../toolkit/files/folders.ts';
import { runId } from '../../workflows/ids.ts';

/** A run whose activities do nothing: only the orchestration and its cost remain. */
export interface StubbedRun {
  readonly home: HomeFolders;
  readonly input: RunInput;
  readonly id: string;
  /** Number of ROIs per task. */
  readonly rois: number;
}

export interface StubbedSettings {
  readonly temporal?: Partial<RunConfig['temporal']>;
  readonly tasks?: readonly Task[];
  readonly name?: string;
}

export const MODEL: ModelRef = { digest: 'd'.repeat(64) };
export const ENGINE: EngineRef = { provider: 'cpu', ortVersion: '1.30.0', engine: 'exact' };

/** @param settings.temporal - Settings that differ from the defaults. */
export function stubbedRun(
  root: string,
  rois: number,
  { temporal = {}, tasks = ['he'], name = 'stubbed' }: StubbedSettings = {},
): StubbedRun {
  const home = homeFolders(join(root, 'home'));
  const folders = { data: join(root, 'data'), results: join(root, 'results') };
  const config = RunConfig.parse({ name, record: '1', tasks, temporal });
  const digest = configDigest(config, folders);
  return { home, input: { config, digest, folders }, id: runId('1', name, digest), rois };
}

/** Stubs the activities of a stage; plans, batches, failures and the trace are real. */
function stubbedSteps({ home, rois }: StubbedRun, infer: (roi: string, following?: string) => void) {
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const done = () => Promise.resolve({});
  const files = Array.from({ length: rois }, (_, index) => {
    const roi = `patient${1 + (index % 997)}_he_roi${index}_with_context`;
    return { roi: RoiStem.parse(roi), image: `images/he/${roi}.png`, truth: `annotations/he/${roi}.png` };
  });
  const converted = () => Promise.resolve({ ...MODEL, classes: 17, folds: 5, cached: true });
  const plan = (step: PlanTaskInput) => planRois(services, step, files, () => Promise.resolve({ need: 'infer' }));
  const inferred = ({ roi, following }: Pick<InferRoiInput, 'roi' | 'following'>) => {
    infer(roi, following);
    return Promise.resolve({ roi, key: 'k'.repeat(64), cached: false, seconds: 0, tiles: 30 });
  };
  const drawn = async ({ stage, batch, failures }: DrawBatchInput) => {
    await new TaskFiles(home, stage).writeFailures(batch, failures);
    return { drawn: 0, withoutFigure: [] };
  };
  const judged = () => Promise.resolve({ verdict: 'reproduced', said: 'reproduced' });
  return {
    openResults: done,
    noteVerdicts,
    writeSummary: done,
    readBatch: createReadBatch(home),
    writeTrace: createWriteTrace(),
    fetchRecord: () => Promise.resolve({ id: '1', title: 'Stubbed', files: [] }),
    prepareModel: converted,
    probeInference: () => Promise.resolve({ ...ENGINE, fallbacks: [] }),
    planTask: plan,
    inferRoi: inferred,
    measureTask: () => Promise.resolve({ kind: 'nothing' }),
    drawBatch: drawn,
    aggregateTask: done,
    drawFigures: done,
    compareTask: judged,
    writeDiscrepancies: done,
    writeReport: done,
  };
}

let isQuiet = false;

/** Silences the SDK's messages about workers. Call this before using the SDK otherwise. */
export function beQuiet(): void {
  if (!isQuiet) Runtime.install({ logger: new DefaultLogger('ERROR') });
  isQuiet = true;
}

export interface ServeOptions {
  readonly onInferred?: (roi: string, following?: string) => void;
  /** Activities that replace stubbed ones. */
  readonly steps?: object;
  /** @default all */
  readonly queues?: readonly Queue[];
  /** Maximum number of concurrent activities. Default: the SDK's. */
  readonly slots?: number;
}

/** Serves task queues of a stubbed run in this process. @returns A function that ends it. */
export async function serveStubbed(
  run: StubbedRun,
  server: ServerAddress,
  { onInferred = () => undefined, steps = {}, queues = QUEUES, slots }: ServeOptions = {},
): Promise<() => Promise<void>> {
  beQuiet();
  const connection = await NativeConnection.connect(connectionOptionsOf(server));
  const { path: codePath } = await workflowBundle();
  const activities = { ...stubbedSteps(run, onInferred), ...steps };
  const { taskQueuePrefix } = run.input.config.temporal;
  const workers = await Promise.all(
    queues.map((queue) =>
      Worker.create({
        connection,
        namespace: server.namespace,
        taskQueue: taskQueue(taskQueuePrefix, queue),
        identity: workerIdentity(queue),
        activities,
        ...(slots === undefined ? {} : { maxConcurrentActivityTaskExecutions: slots }),
        ...(queue === 'orchestration' ? { workflowBundle: { codePath } } : {}),
      }),
    ),
  );
  const running = Promise.all(workers.map((worker) => worker.run()));
  return async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
    await connection.close();
  };
}

export function startStubbed(client: Client, { id, input }: StubbedRun) {
  return client.workflow.start('reproduce', {
    workflowId: id,
    taskQueue: taskQueue(input.config.temporal.taskQueuePrefix, 'orchestration'),
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
}
