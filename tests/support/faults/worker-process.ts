import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { FileInput, UnpackInput } from '../../../activities/inputs.ts';

/** State of a disk: normal, full on write, too small beforehand, or not writable. */
export type Disk = 'good' | 'full' | 'no-room' | 'read-only';

export interface Job {
  readonly id: number;
  /** The state directory of the worker for this activity. */
  readonly home: string;
  /** The same for every attempt at the same activity. */
  readonly step: string;
  readonly download?: FileInput;
  readonly unpack?: UnpackInput;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
}

export type Answer = { readonly id: number } & (
  | { readonly result: { readonly sha256?: string; readonly state?: string } }
  | { readonly failure: Failure }
  | { readonly cancelled: true }
);

type Order = { readonly job: Job } | { readonly cancel: number } | { readonly disk: Disk };

/** A worker in a separate process that runs the activities of an acquisition like Temporal, and can be killed. */
export class WorkerProcess {
  readonly #child;
  readonly #answers = new Map<number, (answer: Answer | undefined) => void>();
  readonly ended: Promise<unknown>;

  private constructor(windowMs: number) {
    this.#child = fork(fileURLToPath(import.meta.url), ['work', String(windowMs)], {
      execArgv: ['--import', 'tsx'],
    });
    this.ended = once(this.#child, 'exit').then(() => {
      for (const tell of this.#answers.values()) tell(undefined);
    });
    this.#child.on('message', (answer: Answer) => this.#answers.get(answer.id)?.(answer));
  }

  /** @param windowMs - Period for the configured number of requests per minute. */
  static async start(windowMs: number): Promise<WorkerProcess> {
    const worker = new WorkerProcess(windowMs);
    await once(worker.#child, 'message');
    return worker;
  }

  /** Runs a job; returns undefined if the process ended meanwhile. */
  async run(job: Job): Promise<Answer | undefined> {
    if (!this.#child.connected) return undefined;
    const answer = new Promise<Answer | undefined>((resolve) => this.#answers.set(job.id, resolve));
    this.#order({ job });
    const given = await answer;
    this.#answers.delete(job.id);
    return given;
  }

  cancel(id: number): void {
    this.#order({ cancel: id });
  }

  async disk(disk: Disk): Promise<void> {
    this.#order({ disk });
  }

  /** Kills the process with SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  #order(order: Order): void {
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }
}

async function work(windowMs: number): Promise<void> {
  const { MockActivityEnvironment } = await import('@temporalio/testing');
  const { DefaultLogger } = await import('@temporalio/worker');
  const { createDownloadActivities } = await import('../../../activities/acquire/download.ts');
  const { RecordServers } = await import('../../../activities/acquire/record-servers.ts');
  const { createUnpackArchive } = await import('../../../activities/acquire/unpack-archive.ts');
  const { Receipts } = await import('../../../toolkit/cache/receipts.ts');
  const { ReigniteError } = await import('../../../toolkit/errors.ts');
  const { homeFolders } = await import('../../../toolkit/files/folders.ts');
  const { RetryBudget } = await import('../../../toolkit/zenodo/http/retry-budget.ts');
  const stepsOf = (home: string) => {
    const folders = homeFolders(home);
    return {
      ...createDownloadActivities(folders, new RecordServers(folders, { windowMs })),
      unpackArchive: createUnpackArchive({
        receipts: new Receipts(folders.receipts),
        retryBudget: new RetryBudget(folders.transfers),
      }),
    };
  };
  const steps = new Map<string, ReturnType<typeof stepsOf>>();
  const running = new Map<number, { cancel(): void }>();
  const setDisk = await spoilableDisk();

  const answerTo = async ({ id, home, step, download, unpack }: Job): Promise<Answer> => {
    const environment = new MockActivityEnvironment({ activityId: step }, { logger: new DefaultLogger('ERROR') });
    const own = steps.get(home) ?? stepsOf(home);
    steps.set(home, own);
    const { downloadFile, unpackArchive } = own;
    let isCancelled = false;
    running.set(id, {
      cancel: () => {
        isCancelled = true;
        environment.cancel('CANCELLED');
      },
    });
    try {
      let result: Extract<Answer, { result: unknown }>['result'] = {};
      await environment.run(async () => {
        if (download !== undefined) result = await downloadFile(download);
        if (unpack !== undefined) await unpackArchive(unpack);
      });
      return { id, result };
    } catch (error) {
      if (isCancelled) return { id, cancelled: true };
      const isOurs = error instanceof ReigniteError;
      const message = error instanceof Error ? (isOurs ? error.message : (error.stack ?? '')) : String(error);
      const failure = isOurs
        ? { code: error.code, message, retryable: error.retryable, retryAfterMs: error.retryAfterMs }
        : { code: 'INTERNAL', message, retryable: false, retryAfterMs: undefined };
      return { id, failure };
    } finally {
      running.delete(id);
    }
  };
  process.on('message', async (order: Order) => {
    if ('disk' in order) setDisk(order.disk);
    else if ('cancel' in order) running.get(order.cancel)?.cancel();
    else process.send?.(await answerTo(order.job));
  });
  process.once('disconnect', () => process.exit(0));
  process.send?.('ready');
}

/** Makes file operations of this process fail on request. */
async function spoilableDisk(): Promise<(disk: Disk) => void> {
  let disk: Disk = 'good';
  const fault = (code: string) => Object.assign(new Error(`${code}: made for a test`), { code });
  const handle = await fs.open('/dev/null', 'r');
  const prototype: fs.FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  const { writev } = prototype;
  Object.assign(prototype, {
    async writev(this: fs.FileHandle, ...rest: Parameters<fs.FileHandle['writev']>) {
      if (disk === 'full' && readlinkSync(`/proc/self/fd/${this.fd}`).endsWith('.part')) throw fault('ENOSPC');
      return writev.apply(this, rest);
    },
  });
  const { open, statfs } = fs;
  fs.open = async (path, flags, mode) => {
    if (disk === 'read-only' && String(path).endsWith('.part') && flags !== 'r') throw fault('EROFS');
    return open(path, flags, mode);
  };
  Object.assign(fs, {
    statfs: async (path: string) => ({ ...(await statfs(path)), ...(disk === 'no-room' ? { bavail: 1 } : {}) }),
  });
  syncBuiltinESMExports();
  return (next) => {
    disk = next;
  };
}

if (process.argv[2] === 'work') await work(Number(process.argv[3]));
