import type { Client, Connection, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { pause } from '../../toolkit/concurrency.ts';
import type { ControlState } from '../../workflows/control.ts';
import { stageId } from '../../workflows/ids.ts';
import type { FileProgress, StageProgress } from '../../workflows/progress.ts';
import type { reproduce } from '../../workflows/reproduce.ts';

type Pending = temporal.api.workflow.v1.IPendingActivityInfo;

/** The fields of heartbeats that are shown. */
const Beat = z.object({
  roi: z.string().optional(),
  image: z.string().optional(),
  file: z.string().optional(),
  tile: z.int().optional(),
  done: z.number().optional(),
  bytes: z.number().optional(),
  of: z.number().optional(),
  total: z.number().optional(),
});
type Beat = z.infer<typeof Beat>;

/**
 * Describes the progress of the running activities, such as `patient1_he_roi2_with_context 41 %` or `drawing figures of
 * ROIs 2 of 4`. Activities that have not started are left out; equal descriptions are counted.
 */
export function pendingSteps(pending: readonly Pending[]): string[] {
  const counts = new Map<string, number>();
  for (const text of pending.flatMap(textOf)) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].map(([text, count]) => (count === 1 ? text : `${text} (${count} at once)`));
}

function beatOf({ heartbeatDetails }: Pending): Beat {
  const payload = heartbeatDetails?.payloads?.[0];
  return Beat.safeParse(payload && defaultPayloadConverter.fromPayload(payload)).data ?? {};
}

function textOf(pending: Pending): string[] {
  const { activityType, lastStartedTime } = pending;
  const beat = beatOf(pending);
  const { tile, of = 0 } = beat;
  const name = beat.roi ?? beat.image;
  if (tile !== undefined && of > 0) return [`${name ?? ''} ${share(tile, of)}`.trim()];
  const words = stepWords(activityType?.name ?? '');
  if (words === undefined || !lastStartedTime) return [];
  return [[words, ...subjectOf(beat), ...countOf(beat)].join(' ')];
}

function subjectOf({ file }: Beat): string[] {
  return file === undefined ? [] : [file];
}

function countOf({ bytes, done, of, total }: Beat): string[] {
  const all = of ?? total;
  if (all === undefined || all <= 0) return [];
  if (bytes !== undefined) return [share(bytes, all)];
  return done === undefined || done === 0 ? [] : [`${done} of ${all}`];
}

function share(done: number, of: number): string {
  return `${Math.floor((100 * done) / of)} %`;
}

/** A stage and its current progress. */
export interface LiveStage extends StageProgress {
  /** Progress of the running activities. */
  readonly steps?: readonly string[];
  /** Of a download: bytes received, and bytes in total. */
  readonly bytes?: { readonly done: number; readonly of: number };
}

/** The stages of a run, and the activities in progress in stages that have no count yet. */
export interface LiveStages {
  readonly stages: readonly LiveStage[];
  readonly steps: readonly string[];
}

/**
 * Returns the current stages of a run. Open stages, and the batches of ROIs that they are working on, are queried
 * directly: the run does not know their counts.
 *
 * @param known - The stages as the run knows them.
 * @param before - The last known state of each stage, updated here: a busy worker does not answer in time, and a stage
 *   that is restarted after a pause has no count yet.
 */
export async function liveStages(
  client: Client,
  run: string,
  known: readonly StageProgress[],
  before = new Map<string, LiveStage>(),
): Promise<LiveStages> {
  const asked = await Promise.all(
    known.map(async (stage): Promise<LiveStage> => {
      if (stage.state !== 'running') return stage;
      const { counts, steps, bytes } = await askStage(client, stageId(run, stage.stage)).catch(() => NOTHING);
      const now = counts.reduce((furthest, each) => (each.done >= furthest.done ? each : furthest), stage);
      return { ...now, ...(steps.length > 0 && { steps }), ...(bytes && { bytes }) };
    }),
  );
  for (const stage of asked) if (!isUncounted(stage)) before.set(stage.stage, stage);
  return {
    stages: asked.flatMap((stage) => before.get(stage.stage) ?? []),
    steps: asked.filter(isUncounted).flatMap(({ steps = [] }) => steps),
  };
}

function isUncounted({ of, state }: StageProgress): boolean {
  return of === 0 && state === 'running';
}

/** Returns the only stage of a workflow without children, with its running activities. */
export async function liveSteps(client: Client, id: string): Promise<LiveStage[]> {
  const { counts, steps } = await askWorkflow(client, id);
  return counts.map((stage) => (steps.length === 0 ? stage : { ...stage, steps }));
}

interface Answers {
  readonly counts: readonly StageProgress[];
  readonly steps: readonly string[];
  readonly bytes?: LiveStage['bytes'];
}
const NOTHING: Answers = { counts: [], steps: [] };

/** Queries a stage and its open batches. */
async function askStage(client: Client, id: string): Promise<Answers> {
  const { raw } = await client.workflow.getHandle(id).describe();
  const children = (raw.pendingChildren ?? []).flatMap(({ workflowId }) => workflowId ?? []);
  const answers = await Promise.all([id, ...children].map((each) => askWorkflow(client, each)));
  const bytes = id.endsWith('/acquire') ? await bytesOf(client, id, raw.pendingActivities ?? []) : undefined;
  return {
    counts: answers.flatMap(({ counts }) => counts),
    steps: answers.flatMap(({ steps }) => steps),
    ...(bytes && { bytes }),
  };
}

/** Returns how much of a record has been downloaded; undefined until its files are known. */
async function bytesOf(client: Client, id: string, pending: readonly Pending[]): Promise<LiveStage['bytes']> {
  const files = await client.workflow
    .getHandle(id)
    .query<FileProgress[]>('files')
    .catch(() => []);
  return files.length === 0 ? undefined : transferred(files, pending.map(beatOf));
}

/** Sums the bytes received; for a file in progress, the share that its heartbeat reports. */
export function transferred(files: readonly FileProgress[], beats: readonly Beat[]): { done: number; of: number } {
  const shares = new Map(
    beats.flatMap(({ file, bytes = 0, of = 0 }) =>
      file === undefined ? [] : [[file, of === 0 ? 0 : Math.min(1, bytes / of)] as const],
    ),
  );
  const done = files.reduce((sum, { key, size, state }) => {
    if (state === 'waiting') return sum;
    return sum + size * (state === 'fetching' ? (shares.get(key) ?? 0) : 1);
  }, 0);
  return { done: Math.round(done), of: files.reduce((sum, { size }) => sum + size, 0) };
}

async function askWorkflow(client: Client, id: string): Promise<Answers> {
  const handle = client.workflow.getHandle(id);
  // A workflow without a count answers no query; a closed one can still be described.
  const [counts, described] = await Promise.allSettled([handle.query<StageProgress[]>('progress'), handle.describe()]);
  return {
    counts: counts.status === 'fulfilled' ? counts.value : [],
    steps: described.status === 'fulfilled' ? pendingSteps(described.value.raw.pendingActivities ?? []) : [],
  };
}

/** The progress of a run and its control state. */
export interface RunProgress extends ControlState {
  /** In the order in which they started: `acquire`, then one per task. */
  readonly stages: readonly LiveStage[];
  /** Activities in progress that belong to no count: preparation of a stage, discrepancies, report. */
  readonly steps: readonly string[];
}

/**
 * Yields the progress of a run about twice a second, until it has closed. Skips a turn if its worker does not answer in
 * time.
 *
 * @throws The signal's reason; the server's error when it cannot be reached.
 */
export async function* runProgress(
  client: Client & { readonly connection: Connection },
  id: string,
  signal: AbortSignal,
): AsyncGenerator<RunProgress, void, undefined> {
  const handle: WorkflowHandle<typeof reproduce> = client.workflow.getHandle(id);
  const before = new Map<string, LiveStage>();
  for await (const { description, ask } of describeUntilClosed(client, id, signal)) {
    const state = await ask(async () => {
      const known = await handle.query<StageProgress[]>('progress');
      const { stages, steps } = await liveStages(client, id, known, before);
      const besides = await stepsBesides(client, id, description);
      return { stages, ...(await handle.query<ControlState>('control')), steps: [...steps, ...besides] };
    });
    if (state !== undefined) yield state;
  }
}

/** Returns the current activities of the run itself and of the discrepancies, which are not a stage. */
async function stepsBesides(client: Client, id: string, { raw }: WorkflowExecutionDescription): Promise<string[]> {
  const discrepancies = stageId(id, 'discrepancies');
  const isMeasured = (raw.pendingChildren ?? []).some(({ workflowId }) => workflowId === discrepancies);
  const measured = isMeasured ? (await client.workflow.getHandle(discrepancies).describe()).raw : undefined;
  return pendingSteps([...(raw.pendingActivities ?? []), ...(measured?.pendingActivities ?? [])]);
}

const POLL_MS = 400;
/** Query timeout: a busy or missing worker must not block the polling. */
const QUERY_MS = 2_000;
/** Time for a restarting server to answer. */
const DESCRIBE_MS = 15_000;

/** Queries a workflow; undefined if no answer comes in time. */
type Ask = <Answer>(question: () => Promise<Answer>) => Promise<Answer | undefined>;

/** Handles one description of a workflow. */
export type Look = (description: WorkflowExecutionDescription, ask: Ask) => Promise<void>;

/**
 * Describes a workflow about twice a second until it has closed.
 *
 * @throws The signal's reason; the server's error when it cannot be reached.
 */
async function* describeUntilClosed(
  client: Client & { readonly connection: Connection },
  id: string,
  signal: AbortSignal,
): AsyncGenerator<{ readonly description: WorkflowExecutionDescription; readonly ask: Ask }, void, undefined> {
  const handle = client.workflow.getHandle(id);
  const ask: Ask = (question) => client.connection.withDeadline(Date.now() + QUERY_MS, question).catch(() => undefined);
  for (;;) {
    signal.throwIfAborted();
    const description = await client.connection.withDeadline(Date.now() + DESCRIBE_MS, () => handle.describe());
    if (description.status.name !== 'RUNNING') return;
    yield { description, ask };
    await pause(POLL_MS, signal);
  }
}

/** Calls `look` with each description of a workflow until it has closed. @throws What `describeUntilClosed` throws. */
export async function untilClosed(
  client: Client & { readonly connection: Connection },
  id: string,
  look: Look,
  signal: AbortSignal,
): Promise<void> {
  for await (const { description, ask } of describeUntilClosed(client, id, signal)) await look(description, ask);
}

/** What each activity is doing, as a phrase. */
const WORDS: Readonly<Record<string, string>> = {
  openResults: 'opening the results folder',
  fetchRecord: 'requesting the record',
  downloadFile: 'downloading',
  unpackArchive: 'unpacking',
  prepareModel: 'preparing the model',
  probeInference: 'loading the model',
  planTask: 'looking up ROIs in the cache',
  inferRoi: 'reading an image',
  predictImage: 'reading an image',
  planSlide: 'looking at a slide',
  predictStrip: 'predicting part of a slide',
  drawBatch: 'drawing figures of ROIs',
  aggregateTask: 'computing metrics',
  drawFigures: 'drawing figures over all ROIs',
  compareTask: 'comparing with the published results',
  measureTask: 'measuring discrepancies',
  writeDiscrepancies: 'writing the discrepancy report',
  writeSummary: 'writing the summary',
  writeTrace: 'reading the history',
  writeReport: 'writing the report',
  writePrediction: 'writing tables',
};

/** Describes what an activity is doing; undefined for one that is not shown. */
function stepWords(activity: string): string | undefined {
  return WORDS[activity];
}
