import { randomBytes } from 'node:crypto';
import {
  type Client,
  type Connection,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type WorkflowOptions,
} from '@temporalio/client';
import { packageVersion } from '../../config/package-files.ts';
import { TASK_TITLES, taskQueue } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { reproduce } from '../../workflows/reproduce.ts';
import { SEARCH_ATTRIBUTES, searchOptions } from '../../workflows/search-attributes.ts';
import type { ServerAddress } from '../server/connection.ts';
import { hasSearchAttributes } from '../server/namespace-setup.ts';
import { workflowBundle } from '../workers/workflow-bundle.ts';
import type { ResolvedRun } from './resolve-run.ts';

/**
 * Adds the cache namespace to a run. A fresh run gets a new one; any other uses that of the newest run of its
 * configuration, so that a fresh run that was cancelled or failed keeps its finished work.
 *
 * @throws ReigniteError RUN_OPEN when a fresh run is requested while a run that uses the cache is open; an open fresh
 *   run is continued.
 */
export function withCacheNamespace(run: ResolvedRun, newest: NewestExecution | undefined, fresh: boolean): ResolvedRun {
  const isOpen = newest?.isOpen === true;
  if (fresh && isOpen && !isFresh(newest)) throw alreadyOpen(run.id);
  const known: unknown = newest?.memo['generation'];
  const generation = fresh && !isOpen ? newGeneration() : known;
  if (typeof generation !== 'string') return run;
  return { ...run, input: { ...run.input, folders: { ...run.input.folders, generation } } };
}

/** Returns whether the run was started with `--fresh`: the same command then continues it. */
function isFresh({ memo }: NewestExecution): boolean {
  return memo['fresh'] === true;
}

function alreadyOpen(id: string): ReigniteError {
  return new ReigniteError('RUN_OPEN', `The run ${id} is open, and was started without \`--fresh\`.`);
}

/** Names a cache namespace by its start time, which cache entries record. */
function newGeneration(): string {
  return `${new Date().toISOString()} ${randomBytes(4).toString('hex')}`;
}

/** What Temporal stores with a run, next to the digest of its workflow code, for other commands to read. */
interface RunMemo extends Record<string, unknown> {
  readonly record: string;
  /** Digest of the configuration. */
  readonly digest: string;
  readonly data: string;
  readonly results: string;
  /** The cache namespace of a fresh run, and of those that resume it. */
  readonly generation?: string | undefined;
  /** Object storage in place of shared folders. */
  readonly storage?: string | undefined;
  /** Whether it was started with `--fresh`. */
  readonly fresh: boolean;
  readonly versions: { readonly reignite: string; readonly node: string };
}

/**
 * Starts a run, or attaches to the open run with the same ID.
 *
 * @param options.fresh - Whether to ignore the cache of earlier runs.
 * @throws ReigniteError RESULTS_IN_USE when another open run writes to the same results folder; RUN_OPEN when a fresh
 *   run is requested and one is open, or when the open one uses another storage.
 */
export async function startRun(
  client: Client & { readonly connection: Connection },
  server: ServerAddress,
  asked: ResolvedRun,
  onStep: (line: string) => void,
  { fresh = false }: { readonly fresh?: boolean } = {},
): Promise<'started' | 'attached'> {
  await refuseSharedResults(client, asked);
  const newest = await newestExecution(client, asked.id);
  refuseOtherStorage(asked, newest);
  const run = withCacheNamespace(asked, newest, fresh);
  const { config, digest, folders } = run.input;
  const tasks = config.tasks.map((task) => TASK_TITLES[task]).join(', ');
  const memo: RunMemo = {
    record: config.record,
    digest,
    ...folders,
    ...(config.storage === undefined ? {} : { storage: config.storage }),
    fresh,
    versions: { reignite: packageVersion(), node: process.versions.node },
  };
  const searchable = await hasSearchAttributes(client.connection, server.namespace, SEARCH_ATTRIBUTES);
  const flow: OnceOpen = {
    workflowId: run.id,
    taskQueue: taskQueue(config.temporal.taskQueuePrefix, 'orchestration'),
    staticSummary: `Record ${config.record}, profile ${config.name}: ${tasks}`.slice(0, 200),
    staticDetails: [
      `- Data: \`${folders.data}\``,
      `- Results: \`${folders.results}\``,
      '- The child workflows are the stages; their children are batches of ROIs, whose pending activities show ROI and tile.',
      `- \`npx reignite pause ${run.id}\`, and \`resume\` and \`cancel\` likewise, control it; \`npx reignite why ${run.id}\` explains failures.`,
      '- To resume after a stop, run the same `npx reignite run` again.',
    ],
    memo,
    restarting:
      'The open run was started by another version of reignite. Restarting it; finished work is reused from the cache.',
    mustBeNew: fresh,
    start: (options) =>
      client.workflow.start<typeof reproduce>('reproduce', {
        ...options,
        args: [{ ...run.input, searchable }],
        ...searchOptions({ searchable }, { stage: 'acquire', tasks: config.tasks }),
      }),
  };
  try {
    return await startOrAttach(client, server, flow, onStep);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // Another command started one in the meantime.
    return startRun(client, server, asked, onStep, { fresh });
  }
}

/** Rejects another storage for an open run: its models and images are in the storage that it was started with. */
function refuseOtherStorage({ id, input }: ResolvedRun, newest: NewestExecution | undefined): void {
  if (newest?.isOpen !== true) return;
  const [asked, known] = [input.config.storage, newest.memo['storage']];
  if (asked === known) return;
  throw new ReigniteError(
    'RUN_OPEN',
    `The run ${id} is open, with storage ${known ?? 'none'} instead of ${asked ?? 'none'}.`,
    {
      remedy: 'Use the same `--set storage=`, or `npx reignite cancel RUN` first; finished ROIs are kept.',
    },
  );
}

async function refuseSharedResults(client: Client, run: ResolvedRun): Promise<void> {
  const { results } = run.input.folders;
  const query = "WorkflowType = 'reproduce' AND ExecutionStatus = 'Running'";
  for await (const { workflowId, memo } of client.workflow.list({ query })) {
    if (workflowId === run.id || memo?.['results'] !== results) continue;
    throw new ReigniteError('RESULTS_IN_USE', `The open run ${workflowId} writes to ${results}.`);
  }
}

interface NewestExecution {
  readonly isOpen: boolean;
  readonly memo: Readonly<Record<string, unknown>>;
}

/** Returns state and memo of the newest workflow of an ID; undefined if there is none. */
async function newestExecution(client: Client, id: string): Promise<NewestExecution | undefined> {
  try {
    const { status, memo } = await client.workflow.getHandle(id).describe();
    return { isOpen: status.name === 'RUNNING', memo: memo ?? {} };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Returns the memo of the open workflow of an ID; undefined if none is open. */
async function openMemo(client: Client, id: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const newest = await newestExecution(client, id);
  return newest?.isOpen === true ? newest.memo : undefined;
}

/** A workflow of which at most one is open under its ID. */
export interface OnceOpen {
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly staticSummary: string;
  readonly staticDetails: readonly string[];
  readonly memo: Readonly<Record<string, unknown>>;
  /** Message when the open workflow cannot be resumed, because another version of the workflows started it. */
  readonly restarting: string;
  /**
   * Whether to fail with WorkflowExecutionAlreadyStartedError if another command starts it in the meantime. @default
   * false
   */
  readonly mustBeNew?: boolean;
  readonly start: (options: WorkflowOptions) => Promise<unknown>;
}

/**
 * Starts a workflow, or attaches to the open one with the same ID. On the embedded server, a workflow that another
 * version of the workflows started is restarted.
 */
export async function startOrAttach(
  client: Client,
  server: ServerAddress,
  { start, restarting, mustBeNew = false, staticDetails, memo, ...options }: OnceOpen,
  onStep: (line: string) => void,
): Promise<'started' | 'attached'> {
  const { workflowId } = options;
  const { digest: workflows } = await workflowBundle();
  const open = await openMemo(client, workflowId);
  const isOurs = open?.['workflows'] === workflows;
  if (open !== undefined && !server.external && !isOurs) {
    await client.workflow.getHandle(workflowId).terminate('started by another version of reignite');
    onStep(restarting);
  }
  try {
    await start({
      ...options,
      workflowIdConflictPolicy: mustBeNew && open === undefined ? 'FAIL' : 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticDetails: staticDetails.join('\n'),
      memo: { ...memo, workflows },
    });
  } catch (error) {
    if (mustBeNew || !(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return open !== undefined && (isOurs || server.external) ? 'attached' : 'started';
}
