import { type Client, type WorkflowExecutionInfo, WorkflowNotFoundError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { z } from 'zod';
import { PredictImagesInput, RunInput } from '../../activities/inputs.ts';
import { mapConcurrent } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { ServerClient } from '../server/connection.ts';

/** Workflows that commands start and list: runs of a record, and predictions of images. */
export type RunType = 'reproduce' | 'predictImages';
export const RUNS_AND_PREDICTIONS: readonly RunType[] = ['reproduce', 'predictImages'];
const RUNS: readonly RunType[] = ['reproduce'];

/** Maximum number of executions described at the same time. */
const MAX_CONCURRENT = 8;

/**
 * Lists all executions of runs on a server, newest first. A configuration may have run several times.
 *
 * @throws ReigniteError TEMPORAL_UNREACHABLE when the answer may have come from another server.
 */
export async function listExecutions(client: ServerClient, types = RUNS): Promise<readonly WorkflowExecutionInfo[]> {
  const query = types.map((type) => `WorkflowType = '${type}'`).join(' OR ');
  const found: WorkflowExecutionInfo[] = [];
  for await (const run of client.workflow.list({ query })) found.push(run);
  await client.ensureServer();
  const current = await mapConcurrent(found, MAX_CONCURRENT, undefined, (run) => withCurrentStatus(client, run));
  return current.sort((a, b) => b.startTime.getTime() - a.startTime.getTime());
}

/**
 * Corrects the status of a listed execution: the list is updated some time after a workflow closes, a description at
 * once.
 */
async function withCurrentStatus(client: Client, listed: WorkflowExecutionInfo): Promise<WorkflowExecutionInfo> {
  if (listed.status.name !== 'RUNNING') return listed;
  try {
    const handle = client.workflow.getHandle(listed.workflowId, listed.runId);
    const { status, closeTime, memo, searchAttributes, typedSearchAttributes } = await handle.describe();
    return {
      ...listed,
      status,
      ...(closeTime !== undefined && { closeTime }),
      ...(memo !== undefined && { memo }),
      searchAttributes,
      typedSearchAttributes,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return listed;
    throw error;
  }
}

/** Lists the runs of a server, newest first, with the newest execution of each ID. */
export async function listRuns(client: ServerClient, types = RUNS): Promise<readonly WorkflowExecutionInfo[]> {
  return newestOfEach(await listExecutions(client, types));
}

/**
 * Keeps the newest execution of each ID.
 *
 * @param executions - Newest first.
 */
export function newestOfEach(executions: readonly WorkflowExecutionInfo[]): readonly WorkflowExecutionInfo[] {
  const seen = new Set<string>();
  return executions.filter(({ workflowId }) => !seen.has(workflowId) && seen.add(workflowId));
}

/**
 * Finds the run that `part` names: a workflow ID or a unique part of it; by default the newest run.
 *
 * @throws ReigniteError RUN_NOT_FOUND, also when several match.
 */
export async function findRun(
  client: ServerClient,
  part: string | undefined,
  types = RUNS,
): Promise<WorkflowExecutionInfo> {
  const runs = await listRuns(client, types);
  const whole = runs.filter(({ workflowId }) => part === undefined || workflowId === part);
  const found = whole.length > 0 ? whole.slice(0, 1) : runs.filter(({ workflowId }) => workflowId.includes(part ?? ''));
  const [first, second] = found;
  if (first === undefined) {
    if (part !== undefined) throw new ReigniteError('RUN_NOT_FOUND', `No run has "${part}" in its ID.`);
    throw new ReigniteError('RUN_NOT_FOUND', 'There is no run yet.', {
      remedy: 'Start one with `npx reignite run`.',
    });
  }
  if (second !== undefined) {
    const ids = found.map(({ workflowId }) => workflowId).join(', ');
    throw new ReigniteError('RUN_NOT_FOUND', `"${part}" is part of ${found.length} run IDs: ${ids}.`);
  }
  return first;
}

/** Reads the input of a run from the first event of its history. */
export function runInputOf(client: Client, execution: WorkflowExecutionInfo): Promise<RunInput> {
  return inputOf(client, execution, RunInput, 'npx reignite run');
}

/** A durable prediction and its input. */
export interface KnownPrediction {
  /** The workflow id. */
  readonly id: string;
  readonly input: PredictImagesInput;
}

/** Reads the input of a prediction from the first event of its history. */
export function predictionInputOf(client: Client, execution: WorkflowExecutionInfo): Promise<PredictImagesInput> {
  return inputOf(client, execution, PredictImagesInput, 'npx reignite predict --run');
}

async function inputOf<Input>(
  client: Client,
  { workflowId, runId }: WorkflowExecutionInfo,
  schema: z.ZodType<Input>,
  command: string,
): Promise<Input> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const [payload] = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  const parsed = schema.safeParse(payload && defaultPayloadConverter.fromPayload(payload));
  if (parsed.success) return parsed.data;
  throw new ReigniteError('RUN_NOT_FOUND', `The run ${workflowId} was started by another version of reignite.`, {
    remedy: `Run its \`${command}\` again; finished work is reused from the cache.`,
  });
}
