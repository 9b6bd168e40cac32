import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { QUEUES, type Queue } from '../../config/tasks.ts';
import { type Provenance, verdictText } from '../../toolkit/dataset/provenance.ts';
import { fileExists } from '../../toolkit/files/file-access.ts';
import { provenanceOf, type Summary } from '../../toolkit/report/summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import type { Verdict } from '../../toolkit/verdict/verdict-file.ts';
import type { ControlState } from '../../workflows/control.ts';
import type { predictImages } from '../../workflows/predict-images.ts';
import type { reproduce } from '../../workflows/reproduce.ts';
import { stageOf } from '../../workflows/search-attributes.ts';
import type { ServerSession } from '../server/server-session.ts';
import { unservedQueues } from '../workers/pollers.ts';

/** A run as shown by `list` and `status`. */
export interface RunDescription {
  readonly run: string;
  /** Temporal's run ID of this execution: a configuration may have run several times. */
  readonly runId: string;
  /** `running`; `interrupted` when it is open and no process is working on it; or how it ended. */
  readonly status: string;
  /** Whether the run is open and paused. */
  readonly paused: boolean;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly closed: string | null;
  readonly results: string | null;
  /** Only of the newest execution of a configuration, since the results folder holds only its results. */
  readonly verdicts: Readonly<Record<string, Verdict>>;
  /** Verdicts by task, as text for people. */
  readonly said: Readonly<Record<string, string>>;
  /** What was compared; null if there is no summary. */
  readonly provenance: Provenance | null;
  /** The run's summary.json, only if it is there but cannot be read: its verdicts are unknown. */
  readonly damagedSummary?: string;
}

/** Describes a run from Temporal and its results folder. */
export async function describeRun(session: ServerSession, execution: WorkflowExecutionInfo): Promise<RunDescription> {
  const summary = isPrediction(execution) ? undefined : await summaryOf(execution);
  const provenance = summary === undefined ? null : provenanceOf(summary);
  const verdicts = Object.entries(summary?.tasks ?? {}).map(([task, { verdict }]) => [task, verdict] as const);
  const said = verdicts.map(([task, verdict]) => [task, verdictText(provenance?.kind ?? 'other', verdict)] as const);
  const damaged = await damagedSummaryOf(execution);
  const open = execution.status.name === 'RUNNING' ? await openStateOf(session, execution) : undefined;
  return {
    ...factsOf(execution),
    status: statusOf(execution, summary?.status ?? (await predictionEnd(session.client, execution)), open),
    paused: open?.isPaused ?? false,
    verdicts: Object.fromEntries(verdicts),
    said: Object.fromEntries(said),
    provenance,
    ...(damaged !== undefined && { damagedSummary: damaged }),
  };
}

/** Describes an execution that was followed by another one, from its own result: the folder holds the newer results. */
export async function describeEarlier(client: Client, execution: WorkflowExecutionInfo): Promise<RunDescription> {
  const { workflowId, runId } = execution;
  const handle = client.workflow.getHandle<typeof reproduce>(workflowId, runId, { followRuns: false });
  const isDone = execution.status.name === 'COMPLETED' && !isPrediction(execution);
  const outcome = isDone ? await handle.result().catch(() => undefined) : undefined;
  return {
    ...factsOf(execution),
    status: statusOf(execution, outcome?.status ?? (await predictionEnd(client, execution))),
    paused: false,
    verdicts: {},
    said: outcome?.verdicts ?? {},
    provenance: null,
  };
}

/** Returns how a completed prediction ended; undefined for any other execution. */
async function predictionEnd(client: Client, execution: WorkflowExecutionInfo): Promise<Summary['status'] | undefined> {
  const { workflowId, runId, status } = execution;
  if (!isPrediction(execution) || status.name !== 'COMPLETED') return undefined;
  const handle = client.workflow.getHandle<typeof predictImages>(workflowId, runId, { followRuns: false });
  const outcome = await handle.result().catch(() => undefined);
  return outcome === undefined || outcome.failed === 0 ? 'done' : 'partial';
}

/** Returns what to do about an open run that needs something; otherwise an empty string. */
export function hintOf({ run, status, paused }: Pick<RunDescription, 'run' | 'status' | 'paused'>): string {
  const isInterrupted = status === 'interrupted';
  if (paused) return `run \`npx reignite resume ${run}\`${isInterrupted ? ', then the same command' : ''} to resume`;
  return isInterrupted ? 'run the same command to resume' : '';
}

/** Returns `running`, `paused`, `interrupted`, or how the run ended. */
export function stateText({ status, paused }: Pick<RunDescription, 'status' | 'paused'>): string {
  if (!paused) return status;
  return status === 'interrupted' ? 'paused, interrupted' : 'paused';
}

/** Formats a run and its state, with what to do if it needs something. */
export function stateLine(description: Pick<RunDescription, 'run' | 'status' | 'paused'>): string {
  const hint = hintOf(description);
  return `${description.run}: ${stateText(description)}${hint === '' ? '' : `: ${hint}`}`;
}

function factsOf(
  execution: WorkflowExecutionInfo,
): Pick<RunDescription, 'run' | 'runId' | 'started' | 'closed' | 'results'> {
  const { workflowId, runId, startTime, closeTime } = execution;
  return {
    run: workflowId,
    runId,
    started: startTime.toISOString(),
    closed: closeTime?.toISOString() ?? null,
    results: resultsOf(execution) ?? predictionsOf(execution) ?? null,
  };
}

function statusOf({ status }: WorkflowExecutionInfo, ended: string | undefined, open?: OpenState): string {
  if (status.name === 'COMPLETED') return ended ?? 'done';
  return open?.isWorkedOn === false ? 'interrupted' : status.name.toLowerCase();
}

/** Reads the summary of a run; undefined if its results folder is gone or belongs to another run now. */
export async function summaryOf(execution: WorkflowExecutionInfo): Promise<Summary | undefined> {
  const results = resultsOf(execution);
  const summary = results === undefined ? undefined : await RESULTS.summary.readIfValid(results);
  return summary?.run === execution.workflowId ? summary : undefined;
}

/** Returns the path of a run's summary if it cannot be read although it is there. */
export async function damagedSummaryOf(execution: Pick<WorkflowExecutionInfo, 'memo'>): Promise<string | undefined> {
  const results = resultsOf(execution);
  if (results === undefined) return undefined;
  const path = RESULTS.summary.in(results);
  const isDamaged = (await fileExists(path)) && (await RESULTS.summary.readIfValid(results)) === undefined;
  return isDamaged ? path : undefined;
}

/** Returns whether an execution predicts the user's images; otherwise it reproduces a record. */
export function isPrediction({ type }: WorkflowExecutionInfo): boolean {
  return type === 'predictImages';
}

/** Returns the results folder of a run. */
export function resultsOf(execution: Pick<WorkflowExecutionInfo, 'memo'>): string | undefined {
  return textOf(execution, 'results');
}

/** Returns the output folder of a prediction. */
function predictionsOf(execution: WorkflowExecutionInfo): string | undefined {
  return textOf(execution, 'out');
}

function textOf({ memo }: Pick<WorkflowExecutionInfo, 'memo'>, key: string): string | undefined {
  const value: unknown = memo?.[key];
  return typeof value === 'string' ? value : undefined;
}

/** Time within which the workers of a new command start serving. */
const WORKERS_START_MS = 4_000;
const LOOK_MS = 400;
const QUERY_MS = 2_000;

/** Queues with the actual work. `orchestration` is also served by every command that queries or controls a run. */
const WORK: readonly Queue[] = QUEUES.filter((queue) => queue !== 'orchestration');

/** The state of an open run. */
interface OpenState {
  /** Whether any process is working on it; if not, its command was interrupted. */
  readonly isWorkedOn: boolean;
  readonly isPaused: boolean;
}

/** Determines whether an open run or prediction is paused, and whether any process is working on it. */
async function openStateOf(session: ServerSession, execution: WorkflowExecutionInfo): Promise<OpenState> {
  const isWorkedOn = await hasWorkers(session, execution);
  const stage = stageOf(execution.typedSearchAttributes);
  const isPaused = stage === undefined && isWorkedOn ? await askPaused(session.client, execution) : stage === 'paused';
  return { isWorkedOn, isPaused };
}

async function hasWorkers(
  { client, server, owner }: ServerSession,
  { taskQueue }: WorkflowExecutionInfo,
): Promise<boolean> {
  // The workers of a state directory end with the command that owns it. If there were any, this command would not be
  // the owner.
  if (owner && !server.external) return false;
  const prefix = taskQueue.slice(0, -'-orchestration'.length);
  const deadline = Date.now() + WORKERS_START_MS;
  for (;;) {
    const unserved = await unservedQueues(client, server.namespace, prefix, WORK);
    if (unserved.length < WORK.length) return true;
    if (Date.now() > deadline) return false;
    await sleep(LOOK_MS);
  }
}

/**
 * Queries an open run or prediction whether it is paused: predictions, and servers without our search attributes, do
 * not record it otherwise.
 *
 * @param withinMs - How long to wait for a worker's answer; without one it counts as not paused.
 */
export async function askPaused(
  client: Client,
  { workflowId }: Pick<WorkflowExecutionInfo, 'workflowId'>,
  withinMs = QUERY_MS,
): Promise<boolean> {
  try {
    const ask = () => client.workflow.getHandle(workflowId).query<ControlState>('control');
    return (await client.withDeadline(Date.now() + withinMs, ask)).paused;
  } catch {
    return false;
  }
}
