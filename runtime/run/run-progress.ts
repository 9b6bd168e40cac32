import type { Client, Connection, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import type { ControlState } from '../../workflows/control.ts';
import { stageId } from '../../workflows/ids.ts';
import type { FileProgress, StageProgress } from '../../workflows/progress.ts';
import type { reproduce } from '../../workflows/reproduce.ts';
import { stepWords } from './step-words.ts';
import { describeUntilClosed } from './until-closed.ts';

type Pending = temporal.api.workflow.v1.IPendingActivityInfo;

/** What an activity reports in its heartbeats; some of it. */
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
 * Progress of the running activities in words, such as `patient1_he_roi2_with_context 41 %` or `drawing figures of ROIs
 * 2 of 4`. Those not started are left out; equal ones are counted.
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

/** A stage as it is now. */
export interface LiveStage extends StageProgress {
  /** Progress of the running activities. */
  readonly steps?: readonly string[];
  /** Of a download: bytes done and bytes in total. */
  readonly bytes?: { readonly done: number; readonly of: number };
}

/** The stages of a run, and the current steps of those that have not counted yet. */
export interface LiveStages {
  readonly stages: readonly LiveStage[];
  readonly steps: readonly string[];
}

/**
 * The stages of a run as they are now: open ones are asked themselves, as is the batch of ROIs that a stage works on,
 * because the run does not know their counts.
 *
 * @param told - As the run knows them.
 * @param before - How each was when it last answered; takes their present state. A worker that is busy does not answer in
 *   time, and a stage that is restarted after a pause has not counted yet.
 */
export async function liveStages(
  client: Client,
  run: string,
  told: readonly StageProgress[],
  before = new Map<string, LiveStage>(),
): Promise<LiveStages> {
  const asked = await Promise.all(
    told.map(async (stage): Promise<LiveStage> => {
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

/** The only stage of a workflow that has no children, with its running activities. */
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

/** What a stage knows, and its open batches. */
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

/** How much of a record has come; undefined while its files are not known. */
async function bytesOf(client: Client, id: string, pending: readonly Pending[]): Promise<LiveStage['bytes']> {
  const files = await client.workflow
    .getHandle(id)
    .query<FileProgress[]>('files')
    .catch(() => []);
  return files.length === 0 ? undefined : transferred(files, pending.map(beatOf));
}

/** What has come of the files: of one under way the share that its heartbeat reports. */
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
  // One that has not counted yet answers no query; a closed one is described still.
  const [counts, described] = await Promise.allSettled([handle.query<StageProgress[]>('progress'), handle.describe()]);
  return {
    counts: counts.status === 'fulfilled' ? counts.value : [],
    steps: described.status === 'fulfilled' ? pendingSteps(described.value.raw.pendingActivities ?? []) : [],
  };
}

/** How far a run is, and how it is controlled. */
export interface RunProgress extends ControlState {
  /** In the order in which they started: `acquire`, then one per task. */
  readonly stages: readonly LiveStage[];
  /** Current steps of what has no count, in words: a stage that prepares, discrepancies, report. */
  readonly steps: readonly string[];
}

/**
 * Asks a run about twice a second how far it is, until it has closed. A look that its worker does not answer in time is
 * left out.
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
      const told = await handle.query<StageProgress[]>('progress');
      const { stages, steps } = await liveStages(client, id, told, before);
      const besides = await stepsBesides(client, id, description);
      return { stages, ...(await handle.query<ControlState>('control')), steps: [...steps, ...besides] };
    });
    if (state !== undefined) yield state;
  }
}

/** Current activities of the run itself and of the discrepancies, which are not a stage. */
async function stepsBesides(client: Client, id: string, { raw }: WorkflowExecutionDescription): Promise<string[]> {
  const discrepancies = stageId(id, 'discrepancies');
  const isMeasured = (raw.pendingChildren ?? []).some(({ workflowId }) => workflowId === discrepancies);
  const measured = isMeasured ? (await client.workflow.getHandle(discrepancies).describe()).raw : undefined;
  return pendingSteps([...(raw.pendingActivities ?? []), ...(measured?.pendingActivities ?? [])]);
}
