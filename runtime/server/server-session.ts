import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { z } from 'zod';
import { QUEUES, type Queue } from '../../config/tasks.ts';
import { bestEffort, markHandled, orAborted } from '../../toolkit/concurrency.ts';
import { isErrorCode, ReigniteError } from '../../toolkit/errors.ts';
import { type HomeFolders, makePrivateHome } from '../../toolkit/files/folders.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts';
import { listWorkers, refuseOtherVersions } from '../workers/list-workers.ts';
import { unservedQueues } from '../workers/pollers.ts';
import { serveOrphanedQueues, WorkerProcesses } from '../workers/worker-processes.ts';
import type { WorkerSettings } from '../workers/worker-settings.ts';
import { findTemporalBinary } from './binary/find-binary.ts';
import { connectTo, externalServer, type ServerAddress, type ServerClient } from './connection.ts';
import { type EmbeddedServer, startEmbeddedServer } from './embedded-server.ts';
import { acquireHomeLock, homeHolder, type OwnedHome, runningServer } from './home-server.ts';

const OWNER_GETS_READY_MS = 60_000;
const POLL_MS = 300;
const OWNER_POLL_MS = 1_000;
/** After this many consecutive refused connections, 2 s each, the server is not just starting or shutting down. */
const REFUSALS = 5;
const CONNECT_MS = 2_000;
/** How often to check whether other workers on a shared server still exist. */
const LOOK_MS = 5_000;

export interface SessionOptions {
  readonly home: HomeFolders;
  readonly settings: Omit<WorkerSettings, 'queues'>;
  /** Queues to serve if no other worker does; if empty, this command only watches. */
  readonly queues?: readonly Queue[];
  /** An external server. @default the one that Temporal's environment configuration names, else the embedded one */
  readonly server?: ServerAddress | undefined;
  /** Whether to adopt a server that a killed command left, to which workers may still reconnect. @default false */
  readonly adopt?: boolean;
  readonly onStep: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** A Temporal server and the workers that serve its queues, for as long as a command needs them. */
export interface ServerSession {
  readonly client: ServerClient;
  readonly server: ServerAddress;
  /** Whether this command runs the server and the workers; if not, it only watches those of another command. */
  readonly owner: boolean;
  /** Rejects when the server or the workers of this command cannot be kept running. */
  readonly failed: Promise<never>;
  /** Resolves when the workers of this command have started serving; immediately if it has none. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a server for a command: the one that TEMPORAL_ADDRESS names, else the embedded one of the state directory,
 * which this command starts unless another command already runs it.
 */
export async function openSession(options: SessionOptions): Promise<ServerSession> {
  await makePrivateHome(options.home.home, options.onStep);
  const external = options.server ?? externalServer();
  if (external !== undefined) return openExternal(options, external);
  for (;;) {
    const { home, signal } = options;
    const lock = await acquireHomeLock(home.home, signal === undefined ? {} : { signal });
    if (lock.owner) return openOwner(options, lock);
    const watched = await openObserver(options);
    if (watched !== undefined) return watched;
  }
}

async function openOwner(options: SessionOptions, { lost, release }: OwnedHome): Promise<ServerSession> {
  const { home, onStep, settings, queues = QUEUES, adopt = false, signal } = options;
  let server: EmbeddedServer | undefined;
  let workers: WorkerProcesses | undefined;
  try {
    const abort = signal === undefined ? {} : { signal };
    const binary = await findTemporalBinary({ onStep, ...abort });
    const start = (ports?: { grpc: number; ui: number }) =>
      startEmbeddedServer({
        home: home.home,
        binary: binary.path,
        searchAttributes: SEARCH_ATTRIBUTES,
        adopt,
        onStep,
        ...abort,
        ...(ports && { ports }),
      });
    const starting = start();
    markHandled(starting);
    const processes = new WorkerProcesses({ home, server: starting, settings, queues, onStep, signal });
    workers = processes;
    server = await starting;
    const client = await connectTo(server, { home });
    let closing = false;
    const guard = keepServer(server, start, () => closing || signal?.aborted === true, onStep);
    return {
      client,
      server,
      owner: true,
      failed: Promise.race([processes.failed, guard.failed, whenLost(lost, home.home)]),
      ready: () => processes.ready(),
      async close() {
        closing = true;
        await processes.stop();
        await client.connection.close();
        await guard.stop();
        await release();
      },
    };
  } catch (error) {
    await workers?.stop();
    await server?.stop();
    await release();
    throw error;
  }
}

/** Rejects when this command loses the state directory: two servers on one database would hang. */
function whenLost(lost: AbortSignal, home: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () =>
      reject(new ReigniteError('HOME_IN_USE', `Another command has taken over the state directory ${home}.`));
    if (lost.aborted) stop();
    else lost.addEventListener('abort', stop, { once: true });
  });
}

/** Restarts the server, on the same ports, if it exits during a run. */
function keepServer(
  first: EmbeddedServer,
  start: (ports: { grpc: number; ui: number }) => Promise<EmbeddedServer>,
  isClosing: () => boolean,
  onStep: (line: string) => void,
): { readonly failed: Promise<never>; stop(): Promise<void> } {
  let current = first;
  const ports = { grpc: portOf(first.address), ui: portOf(first.uiUrl) };
  const failed = (async (): Promise<never> => {
    for (;;) {
      await current.exited;
      if (isClosing()) return new Promise<never>(() => undefined);
      onStep('The Temporal server exited. Restarting it on the same database.');
      current = await start(ports);
      // Clients and workers know only the first address.
      if (current.address !== first.address) throw portTaken(first.address);
    }
  })();
  markHandled(failed);
  return { failed, stop: () => current.stop() };
}

function portTaken(address: string): ReigniteError {
  return new ReigniteError(
    'TEMPORAL_START_FAILED',
    `Another program took ${address} when the Temporal server restarted.`,
    {
      remedy: 'Run the same command again to resume.',
    },
  );
}

function portOf(address: string): number {
  return Number(address.split(':').at(-1));
}

/**
 * Attaches to the server of another command of the same state directory, once it is ready.
 *
 * @returns Undefined if that command has ended in the meantime; it stops its server when it ends.
 */
async function openObserver({
  home,
  onStep,
  queues = QUEUES,
  signal,
}: SessionOptions): Promise<ServerSession | undefined> {
  if (queues.includes('inference')) {
    onStep('Another command runs the server and workers of this state directory; this one only watches.');
  }
  const deadline = Date.now() + OWNER_GETS_READY_MS;
  for (let refusals = 0; ; ) {
    signal?.throwIfAborted();
    const server = await runningServer(home.home);
    if (server !== undefined) {
      try {
        return await openConnected(home, server);
      } catch (error) {
        refusals += 1;
        if (refusals >= REFUSALS) throw error;
      }
    }
    if ((await homeHolder(home.home)) === undefined) return undefined;
    if (Date.now() > deadline) {
      throw new ReigniteError(
        'HOME_IN_USE',
        `Another command uses the state directory ${home.home}, but its server did not become ready.`,
      );
    }
    await sleep(POLL_MS);
  }
}

async function openConnected(home: HomeFolders, server: ServerAddress): Promise<ServerSession> {
  const client = await connectTo(server, { timeoutMs: CONNECT_MS, home });
  const closed = new AbortController();
  const failed = untilOwnerGoes(home.home, closed.signal);
  // A command that is not waiting for this notices the loss by its connection.
  markHandled(failed);
  return {
    client,
    server,
    owner: false,
    failed,
    ready: async () => undefined,
    async close() {
      closed.abort();
      await client.connection.close();
    },
  };
}

/**
 * Rejects when the owner has gone. Its workers end with it but the server may survive, so only the owner's lock is
 * conclusive.
 */
async function untilOwnerGoes(home: string, closed: AbortSignal): Promise<never> {
  while (!closed.aborted) {
    if ((await homeHolder(home)) === undefined) throw new OwnerGone();
    await sleep(OWNER_POLL_MS);
  }
  return new Promise<never>(() => undefined);
}

/** The command that ran server and workers has ended, normally or not; this one can take over. */
export class OwnerGone extends Error {
  override readonly name = 'OwnerGone';
}

/** On an external server, this command serves the queues that no worker polls, now or later. */
async function openExternal(options: SessionOptions, server: ServerAddress): Promise<ServerSession> {
  const { home, settings, onStep, queues = QUEUES } = options;
  const client = await connectTo(server, { home });
  if (queues.length > 0) {
    const others = await listWorkers(client.workflowService, server.namespace, settings.taskQueuePrefix);
    refuseOtherVersions(others ?? []);
  }
  const look = () => unservedQueues(client, server.namespace, settings.taskQueuePrefix, queues);
  const unserved = await look();
  const workers = new WorkerProcesses({ home, server, settings, queues: [], onStep, signal: options.signal });
  const serve = (orphaned: readonly Queue[]) => {
    const taken = workers.serve(orphaned);
    if (taken.length > 0) onStep(`No worker polls ${taken.join(', ')} on ${server.address}; this command now does.`);
  };
  serve(unserved);
  const closed = new AbortController();
  const serving = serveOrphanedQueues({ look, serve, lookMs: LOOK_MS }, closed.signal);
  return {
    client,
    server,
    owner: unserved.length > 0,
    failed: workers.failed,
    ready: () => workers.ready(),
    async close() {
      closed.abort();
      await serving;
      await workers.stop();
      await client.connection.close();
    },
  };
}

type WithServerOptions = SessionOptions & {
  readonly signal: AbortSignal;
  /** How often `work` is started at most; after that, losing the server is an error. Default: unlimited. */
  readonly attempts?: number;
};

/**
 * Runs `work` on a server with workers, and again in a new session if the command that ran the server ends.
 *
 * @param work - Starts or attaches to a workflow, and waits until it has closed.
 * @throws The ReigniteError that ended the workflow; the signal's reason.
 */
export async function withServer<Result>(
  { attempts = Number.POSITIVE_INFINITY, ...options }: WithServerOptions,
  work: (session: ServerSession) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const session = await openSession(options);
    try {
      options.signal.throwIfAborted();
      return await work(session);
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof WorkflowFailedError) throw runFailure(error);
      if (attempt >= attempts || !hasLostServer(session, error)) throw error;
      options.onStep('The command that ran the server exited; this one takes over.');
    } finally {
      await session.close();
    }
  }
}

/** Cause and remedy of a failure, which its message joins. */
const Details = z.object({ cause: z.string().optional(), remedy: z.string().optional() });

/** Converts the error of a failed workflow, with its code and remedy. */
export function runFailure(error: WorkflowFailedError): ReigniteError {
  const { cause } = error;
  if (cause instanceof CancelledFailure) return new ReigniteError('CANCELLED', 'The run was cancelled.');
  if (!(cause instanceof ApplicationFailure)) {
    const remedy = 'Run the same command again to resume.';
    return new ReigniteError('INTERNAL', `The run failed: ${cause?.message ?? error.message}`, {
      cause: error,
      remedy,
    });
  }
  const code = isErrorCode(cause.type) ? cause.type : 'INTERNAL';
  const details: unknown = cause.details?.[0];
  const said = Details.safeParse(details).data ?? {};
  const remedy = said.remedy === undefined ? {} : { remedy: said.remedy };
  return new ReigniteError(code, said.cause ?? cause.message, { cause: error, ...remedy });
}

/**
 * Watches until `watch` ends, the session fails or the command is asked to stop. Waits for open queries: one that is
 * retried on a closed connection would end the process.
 */
export async function watchOn(
  { failed }: ServerSession,
  signal: AbortSignal,
  watch: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  const watching = watch(AbortSignal.any([signal, over.signal]));
  try {
    await orAborted(Promise.race([watching, failed]), signal);
  } finally {
    over.abort();
    await bestEffort(watching, 'its error was thrown before');
  }
}

/** Returns whether an error means that the server of another command of the state directory is gone. */
export function hasLostServer({ owner, server }: ServerSession, error: unknown): boolean {
  // The workflow's own failure, whatever its text mentions.
  if (error instanceof ReigniteError && error.cause instanceof WorkflowFailedError) return false;
  return error instanceof OwnerGone || (!owner && !server.external && isConnectionLoss(error));
}

/** Returns whether the server is gone: gRPC's UNAVAILABLE, or a different server at its address. */
function isConnectionLoss(error: unknown): boolean {
  if (error instanceof ReigniteError && error.code === 'TEMPORAL_UNREACHABLE') return true;
  const text = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
  return /UNAVAILABLE|ECONNREFUSED|ECONNRESET|Service Unavailable/i.test(text);
}
