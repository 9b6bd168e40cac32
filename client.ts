/**
 * Starts, follows, controls and reads runs from another program.
 *
 * @example
 * import { connect } from 'reignite';
 *
 * const session = await connect({ home: '.reignite' });
 * try {
 *   const run = await session.startOrAttach({ profile: 'sample' });
 *   const { status } = await run.wait();
 *   const { tissue } = await run.results();
 *   console.log(status, tissue.he?.metrics.all.overall);
 * } finally {
 *   await session.close();
 * }
 *
 * @module
 */

import type { RunConfig } from './config/schema.ts';
import { QUEUES } from './config/tasks.ts';
import { loadConfig } from './runtime/load-config.ts';
import { describeRun, type RunDescription } from './runtime/run/describe-run.ts';
import { findRun, listRuns, runInputOf } from './runtime/run/find-run.ts';
import { pinRecord, type ResolvedRun, resolveRun } from './runtime/run/resolve-run.ts';
import { RunHandle, type SessionSource } from './runtime/run/run-handle.ts';
import { startRun } from './runtime/run/start-run.ts';
import { hasLostServer, openSession, type ServerSession } from './runtime/server/server-session.ts';
import { unpolledQueues } from './runtime/workers/pollers.ts';
import { WorkerProcesses } from './runtime/workers/worker-processes.ts';
import { workerSettingsOf } from './runtime/workers/worker-settings.ts';
import { markHandled } from './toolkit/concurrency.ts';
import { ReigniteError } from './toolkit/errors.ts';
import { type HomeFolders, homeFolders } from './toolkit/files/folders.ts';

/** Which server to connect to, and what to start. */
export interface ConnectOptions {
  /** The state directory: server database, cache, converted models. @default `REIGNITE_HOME`, else `.reignite` */
  readonly home?: string | undefined;
  /**
   * `host:port` of an external Temporal server. TLS and an API key come from Temporal's environment variables.
   *
   * @default the server that TEMPORAL_ADDRESS names, else an embedded one, shared with other commands of the state
   *   directory
   */
  readonly address?: string | undefined;
  /** Namespace on that server. @default 'default' */
  readonly namespace?: string | undefined;
  /** Whether to start workers for queues that no worker polls. @default true */
  readonly workers?: boolean | undefined;
  /** Receives one line per step, such as the start of a worker. @default none */
  readonly onStep?: ((line: string) => void) | undefined;
  /** Aborts connecting, and stops the workers. */
  readonly signal?: AbortSignal | undefined;
}

/** The configuration and the folders of a run. */
export interface StartOptions {
  /** `sample`, `paper`, or the path of a YAML file. */
  readonly profile: string;
  /** Fields to change, such as `he.scope=annotated`; values are YAML. @default none */
  readonly set?: readonly string[] | undefined;
  /** Tasks to run: `he`, `nuclei`, `pdl1`. @default those of the profile */
  readonly tasks?: readonly string[] | undefined;
  /**
   * Folder of the record, which is downloaded there if needed. @default `data/<record>`; for the sample, the state
   * directory
   */
  readonly data?: string | undefined;
  /** Folder for results. @default `results/<profile>` */
  readonly results?: string | undefined;
  /** Whether to ignore the cache of earlier runs. @default false */
  readonly fresh?: boolean | undefined;
}

/**
 * Connects to a Temporal server, or starts the embedded one of the state directory. Close the session when done: this also
 * stops its workers and the embedded server that it started.
 *
 * @throws ReigniteError TEMPORAL_UNREACHABLE, TEMPORAL_START_FAILED, HOME_IN_USE, NOT_WRITABLE.
 * @example
 * const session = await connect({ address: 'temporal.lab:7233', namespace: 'pathology', workers: false });
 */
export async function connect(options: ConnectOptions = {}): Promise<Session> {
  const { namespace = 'default', onStep = () => undefined, signal, workers = true } = options;
  const home = homeFolders(options.home ?? (process.env['REIGNITE_HOME'] || '.reignite'));
  const server = options.address === undefined ? undefined : { address: options.address, namespace, external: true };
  const settings = workerSettingsOf(await loadConfig({ profile: 'sample', set: [] }));
  const open = async () => {
    const session = await openSession({ home, settings, queues: [], server, onStep, ...(signal && { signal }) });
    // The promise of `follow` rejects with the error.
    markHandled(session.failed);
    return session;
  };
  return new Session(await open(), { home, workers, onStep, signal, open });
}

interface SessionSettings {
  readonly home: HomeFolders;
  readonly open: () => Promise<ServerSession>;
  readonly workers: boolean;
  readonly onStep: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * A connection to a Temporal server, and the workers that it started. Created by `connect`.
 *
 * If it uses the embedded server of another process and that process ends, the session starts the server and the
 * workers itself and continues.
 */
export class Session implements AsyncDisposable {
  readonly #settings: SessionSettings;
  #session: ServerSession;
  #reopening: Promise<void> | undefined;
  readonly #source: SessionSource;
  /** Configurations of the runs to serve, by the prefix of their task queues. */
  readonly #served = new Map<string, RunConfig>();
  #workers: WorkerProcesses[] = [];

  /** @internal */
  constructor(session: ServerSession, settings: SessionSettings) {
    this.#session = session;
    this.#settings = settings;
    const current = () => this.#session;
    this.#source = {
      get session() {
        return current();
      },
      reopen: (error, session) => this.#reopen(error, session),
    };
  }

  /** Base URL of Temporal's web UI; undefined if unknown. */
  get uiUrl(): string | undefined {
    return this.#session.server.uiUrl;
  }

  /**
   * Starts a run, or attaches to the open run of the same configuration and folders. Finished work of earlier runs
   * comes from the cache.
   *
   * @throws ReigniteError CONFIG_INVALID, RESULTS_IN_USE, RUN_OPEN; RECORD_NOT_FOUND and others about the record.
   * @example const run = await session.startOrAttach({ profile: 'paper', tasks: ['he'], data: '/srv/ignite' });
   */
  async startOrAttach(options: StartOptions): Promise<RunHandle> {
    const { profile, set = [], tasks, fresh = false } = options;
    const { home, onStep, signal = new AbortController().signal } = this.#settings;
    const chosen = await loadConfig({ profile, set, ...(tasks && { tasks }) });
    const config = await pinRecord(chosen, home, onStep, signal);
    return this.#start(resolveRun(config, home, options), fresh);
  }

  /**
   * Starts a closed run again: finished work comes from the cache, failed ROIs are computed again. Attaches to a run that
   * is still open.
   *
   * @param run - Its ID or a unique part of it.
   * @throws ReigniteError RUN_NOT_FOUND, RESULTS_IN_USE.
   */
  async retry(run: string | RunHandle): Promise<RunHandle> {
    const { client } = this.#session;
    const execution = await findRun(client, typeof run === 'string' ? run : run.id);
    return this.#start({ id: execution.workflowId, input: await runInputOf(client, execution) }, false);
  }

  /**
   * Finds a run of this server to follow, control or read, and serves its queues if no other process does.
   *
   * @param part - Its ID or a unique part of it. @default the newest run
   * @throws ReigniteError RUN_NOT_FOUND, also when several runs match.
   * @example const run = await session.run('paper');
   */
  async run(part?: string): Promise<RunHandle> {
    const { client } = this.#session;
    const execution = await findRun(client, part);
    if (execution.status.name === 'RUNNING') {
      await this.#serve((await runInputOf(client, execution)).config);
    }
    return RunHandle.of(this.#source, execution);
  }

  /** Lists the runs of this server, newest first. @throws ReigniteError TEMPORAL_UNREACHABLE. */
  async runs(): Promise<readonly RunDescription[]> {
    return Promise.all(
      (await listRuns(this.#session.client)).map((execution) => describeRun(this.#session, execution)),
    );
  }

  /** Stops the workers and the embedded server that this session started, and disconnects. Open runs stay resumable. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((workers) => workers.stop()));
    await this.#session.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(run: ResolvedRun, fresh: boolean): Promise<RunHandle> {
    const { client, server } = this.#session;
    await this.#serve(run.input.config);
    await startRun(client, server, run, this.#settings.onStep, { fresh });
    return new RunHandle(this.#source, run.id, run.input.folders.results);
  }

  /**
   * Starts workers for the queues of a run that no process polls. The owner of the embedded server has its own workers.
   */
  async #serve(config: RunConfig): Promise<void> {
    const { taskQueuePrefix } = config.temporal;
    const { home, workers, onStep, signal } = this.#settings;
    if (!workers || this.#served.has(taskQueuePrefix)) return;
    this.#served.set(taskQueuePrefix, config);
    const { client, server, owner } = this.#session;
    if (!owner && !server.external) return;
    const queues = await unpolledQueues(client, server.namespace, taskQueuePrefix, QUEUES);
    const settings = workerSettingsOf(config);
    this.#workers.push(new WorkerProcesses({ home, server, settings, queues, onStep, signal }));
  }

  async #reopen(error: unknown, failed: ServerSession): Promise<boolean> {
    if (this.#reopening === undefined) {
      // Closing a session makes its other calls fail.
      if (failed !== this.#session) return true;
      if (!hasLostServer(failed, error)) return false;
    }
    this.#reopening ??= this.#replaceSession().finally(() => {
      this.#reopening = undefined;
    });
    await this.#reopening;
    return true;
  }

  async #replaceSession(): Promise<void> {
    await this.#session.close();
    this.#session = await this.#settings.open();
    const configs = [...this.#served.values()];
    this.#served.clear();
    for (const config of configs) await this.#serve(config);
  }
}

export type { ErrorCode } from './toolkit/errors.ts';
export type { Summary as RunOutcome } from './toolkit/report/summary.ts';
export { type RunResults, readResults, type TaskResults } from './toolkit/results/read-results.ts';
export { ReigniteError, type RunDescription, RunHandle };
