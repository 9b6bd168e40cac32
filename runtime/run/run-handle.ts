import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  isGrpcDeadlineError,
  type WorkflowExecutionInfo,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { SkippedRoi } from '../../activities/inputs.ts';
import { bestEffort, markHandled } from '../../toolkit/concurrency.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { Summary } from '../../toolkit/report/summary.ts';
import { type RunResults, readResults } from '../../toolkit/results/read-results.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { runFailure, type ServerSession, watchOn } from '../server/server-session.ts';
import { resultsOf } from './describe-run.ts';
import { type RunProgress, runProgress, untilClosed } from './run-progress.ts';

/** Provides the current server session of a run. */
export interface SessionSource {
  readonly session: ServerSession;
  /**
   * Replaces a session after an error that means that its server is gone. Undefined if sessions are not replaced.
   *
   * @param session - The session in which the error occurred; it may have been replaced in the meantime.
   * @returns Whether there is a new session; false for any other error.
   */
  readonly reopen?: (error: unknown, session: ServerSession) => Promise<boolean>;
}

/** A run, to follow, control and read. */
export class RunHandle {
  /** The workflow id. */
  readonly id: string;
  /** The results folder, absolute. */
  readonly folder: string;
  readonly #source: SessionSource;

  /** @param folder - The results folder that the run was started with. */
  constructor(source: SessionSource, id: string, folder: string) {
    this.#source = source;
    this.id = id;
    this.folder = folder;
  }

  /** @throws ReigniteError RUN_NOT_FOUND when the run does not name its results folder. */
  static of(source: SessionSource, execution: WorkflowExecutionInfo): RunHandle {
    const { workflowId } = execution;
    const folder = resultsOf(execution);
    if (folder !== undefined) return new RunHandle(source, workflowId, folder);
    throw new ReigniteError('RUN_NOT_FOUND', `The run ${workflowId} does not record its results folder.`, {
      remedy: 'Start the run again: this one is from an older version, or not from reignite.',
    });
  }

  get #client(): Client {
    return this.#source.session.client;
  }

  /**
   * Yields the progress of the run about twice a second, until it has closed. Leaving the loop stops watching; the run
   * continues.
   *
   * @throws The signal's reason; the server's error when it is gone.
   * @example
   * for await (const { stages, paused } of run.progress()) {
   *   for (const { stage, done, of, unit } of stages) console.log(stage, `${done} of ${of} ${unit}`, paused ? 'paused' : '');
   * }
   */
  async *progress(signal: AbortSignal = new AbortController().signal): AsyncGenerator<RunProgress, void, undefined> {
    for (;;) {
      const { session } = this.#source;
      const over = new AbortController();
      const looks = runProgress(session.client, this.id, AbortSignal.any([signal, over.signal]));
      try {
        for (;;) {
          const next = looks.next();
          markHandled(next);
          // A lost server takes 15 s to fail a call; the session notices it sooner.
          const { done, value } = await Promise.race([next, session.failed]);
          if (done) return;
          yield value;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!(await this.#reopen(error, session))) throw error;
      } finally {
        over.abort();
      }
    }
  }

  /**
   * Waits until the run has closed.
   *
   * @returns Its summary: `status` is `done`, or `partial` when ROIs failed; `tasks` has counts and a verdict per task.
   * @throws ReigniteError with the code that ended the run, such as CANCELLED or NO_SPACE; FILE_MISSING if it left no
   *   summary; the signal's reason.
   */
  async wait(signal: AbortSignal = new AbortController().signal): Promise<Summary> {
    for (;;) {
      const { session } = this.#source;
      try {
        await watchOn(session, signal, (until) => untilClosed(session.client, this.id, async () => undefined, until));
        return await this.outcome();
      } catch (error) {
        signal.throwIfAborted();
        if (!(await this.#reopen(error, session))) throw error;
      }
    }
  }

  /** Reads the outcome of a closed run. @throws What `wait` throws. */
  async outcome(): Promise<Summary> {
    try {
      await this.#client.workflow.getHandle(this.id).result();
    } catch (error) {
      throw error instanceof WorkflowFailedError ? runFailure(error) : error;
    }
    const summary = await RESULTS.summary.readIfValid(this.folder);
    if (summary !== undefined) return summary;
    throw new ReigniteError('FILE_MISSING', `The run ended, but ${this.folder} has no summary.json.`, {
      remedy: 'Start the run again: it rewrites its results from the cache.',
    });
  }

  /** Reads summary, metrics and verdicts. @throws ReigniteError FILE_MISSING before the run has ended. */
  results(): Promise<RunResults> {
    return readResults(this.folder);
  }

  /** Stops the activities in progress; finished work and partial ROIs stay on disk. @throws See `setMaxConcurrentRois`. */
  pause(): Promise<void> {
    return this.#update({ name: 'pause' });
  }

  /** Resumes a paused run. @throws See `setMaxConcurrentRois`. */
  resume(): Promise<void> {
    return this.#update({ name: 'resume' });
  }

  /**
   * Sets how many ROIs are computed at the same time, 1 to 64.
   *
   * @throws ReigniteError USAGE when the run rejects it or has closed; WORKER_LOST when it does not answer in time.
   */
  setMaxConcurrentRois(rois: number): Promise<void> {
    return this.#update({ name: 'setMaxConcurrentRois', argument: rois });
  }

  /**
   * Excludes an ROI from a task; it is listed among the failures with the reason.
   *
   * @param skip.roi - Stem of the ROI's file in `inference/`.
   * @throws What `setMaxConcurrentRois` throws.
   * @example
   * await run.skipRoi({ task: 'he', roi: 'patient1_he_roi0_with_context', reason: 'out of focus' });
   */
  skipRoi(skip: SkippedRoi): Promise<void> {
    return this.#update({ name: 'skipRoi', argument: skip });
  }

  /** Cancels the run and waits until it has closed. Starting it again resumes from the finished work. */
  cancel(): Promise<void> {
    return cancelRun(this.#source.session, this.id);
  }

  async #reopen(error: unknown, session: ServerSession): Promise<boolean> {
    return (await this.#source.reopen?.(error, session)) ?? false;
  }

  #update(update: RunUpdate): Promise<void> {
    return updateRun(this.#client, this.id, update);
  }
}

/** A cancelled run with a responsive workflow closes within this time; any other is terminated. */
const CANCEL_MS = 30_000;
/** How long to wait for a worker to start. */
const SERVED_WITHIN_MS = 60_000;
const UPDATE_MS = 20_000;
const POLL_MS = 200;
const LOOK_MS = 1_500;

/** An update of a run's workflow with its argument. */
type RunUpdate =
  | { readonly name: 'pause' | 'resume'; readonly argument?: never }
  | { readonly name: 'setMaxConcurrentRois'; readonly argument: number }
  | { readonly name: 'skipRoi'; readonly argument: SkippedRoi };

/**
 * Sends an update to an open run and waits for its completion.
 *
 * @throws ReigniteError USAGE when the run rejects it or has closed; WORKER_LOST when the run does not answer.
 */
export async function updateRun(client: Client, id: string, { name, argument }: RunUpdate): Promise<void> {
  await forgetWorkers(client, id);
  try {
    const handle = client.workflow.getHandle(id);
    await client.withDeadline(Date.now() + UPDATE_MS, () =>
      argument === undefined ? handle.executeUpdate(name) : handle.executeUpdate(name, { args: [argument] }),
    );
  } catch (error) {
    const remedy = `Run \`npx reignite status ${id}\` to see its state.`;
    if (error instanceof WorkflowUpdateFailedError) {
      throw new ReigniteError('USAGE', error.cause?.message ?? error.message, { remedy, cause: error });
    }
    if (error instanceof WorkflowNotFoundError) {
      throw new ReigniteError('USAGE', `The run ${id} ended before the request reached it.`, { remedy, cause: error });
    }
    if (isGrpcDeadlineError(error)) {
      const cause = `The run ${id} has not answered within ${UPDATE_MS / 1_000} s; the request may still take effect.`;
      throw new ReigniteError('WORKER_LOST', cause, { remedy, cause: error });
    }
    throw error;
  }
}

/** Cancels an open run or prediction and waits until it has closed; terminates it if its workflow does not answer. */
export async function cancelRun({ client, ready, failed }: ServerSession, id: string): Promise<void> {
  const handle = client.workflow.getHandle(id);
  await forgetWorkers(client, id);
  await handle.cancel();
  let deadline = Date.now() + SERVED_WITHIN_MS;
  void ready().then(() => {
    deadline = Date.now() + CANCEL_MS;
  });
  while (Date.now() < deadline) {
    if (await hasClosed(client, id)) return;
    await Promise.race([sleep(POLL_MS), failed]);
  }
  await handle.terminate('cancelled, and its workflow did not answer');
}

/**
 * Returns whether a run has closed. The deadline is short because the server may be shutting down; the caller then
 * retries.
 */
async function hasClosed(client: Client, id: string): Promise<boolean> {
  try {
    const { status } = await client.withDeadline(Date.now() + LOOK_MS, () => client.workflow.getHandle(id).describe());
    return status.name !== 'RUNNING';
  } catch (error) {
    if (isGrpcDeadlineError(error)) return false;
    throw error;
  }
}

/**
 * Lets any worker answer for a run and its children. Otherwise the server first waits ten seconds for the worker that
 * answered last, even if that one is dead.
 */
async function forgetWorkers(client: Client, id: string): Promise<void> {
  const { raw } = await client.workflow.getHandle(id).describe();
  const children = (raw.pendingChildren ?? []).flatMap(({ workflowId }) => workflowId ?? []);
  await client.workflowService.resetStickyTaskQueue({
    namespace: client.options.namespace,
    execution: { workflowId: id },
  });
  await Promise.all(
    children.map((child) => bestEffort(forgetWorkers(client, child), 'a closed child has no sticky worker')),
  );
}
