import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ERRORS, isErrorCode, ReigniteError } from '../../toolkit/errors.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { makeFolderSync, makePrivateHome, PRIVATE_FILE } from '../../toolkit/files/make-folder.ts';
import { printStep } from '../output.ts';

/**
 * Set for a background command that takes over a run: it reports the start to its parent, which does not wait for the
 * end.
 */
const VARIABLE = 'REIGNITE_DETACHED';

/** A message may arrive after its sender has ended. */
const LAST_WORD_MS = 500;

const Told = z.union([
  z.object({ run: z.string() }),
  z.object({ code: z.string(), cause: z.string(), remedy: z.string() }),
]);

/** A run that continues without the command that started it. */
export interface DetachedRun {
  readonly run: string;
  /** PID of the process that runs server and workers until the run has ended; SIGTERM stops it cleanly. */
  readonly pid: number;
  /** File for the output that `run` would print. */
  readonly log: string;
}

/**
 * Hands a run to a new process in its own session, which outlasts this command and its terminal. It runs the same
 * command without `--detach`. Returns once the run has started.
 *
 * @param words - The command line.
 * @throws ReigniteError Whatever prevents the run from starting.
 */
export async function detachRun(
  words: readonly string[],
  home: HomeFolders,
  signal: AbortSignal,
): Promise<DetachedRun> {
  await makePrivateHome(home.home, printStep);
  makeFolderSync(home.logs);
  const log = join(home.logs, `run-${new Date().toISOString().replaceAll(/[:.]/g, '-')}.log`);
  const file = openSync(log, 'a', PRIVATE_FILE);
  const entry = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, entry, ...words.filter((word) => word !== '--detach')], {
    detached: true,
    stdio: ['ignore', file, file, 'ipc'],
    env: { ...process.env, [VARIABLE]: '1' },
  });
  closeSync(file);
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const told = await new Promise<z.infer<typeof Told>>((resolve, reject) => {
      child.once('message', (message) => resolve(Told.parse(message)));
      child.once('error', reject);
      child.once('exit', (code, by) => {
        const how = by ?? `status ${code}`;
        const lost = new ReigniteError(
          'WORKER_LOST',
          `The background process exited before the run started (${how}); see ${log}.`,
        );
        // Its last message may still be in transit.
        setTimeout(() => reject(lost), LAST_WORD_MS);
      });
    });
    signal.throwIfAborted();
    if ('run' in told) return { run: told.run, pid: child.pid ?? 0, log };
    throw new ReigniteError(isErrorCode(told.code) ? told.code : 'INTERNAL', told.cause, { remedy: told.remedy });
  } finally {
    signal.removeEventListener('abort', stop);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** Reports the start of a background command to its parent; does nothing in a command that the user typed. */
export class ParentNotifier {
  readonly #isDetached = process.env[VARIABLE] !== undefined;
  #hasTold = false;

  constructor() {
    // Workers are not background commands.
    delete process.env[VARIABLE];
  }

  started(run: string): void {
    this.#notify({ run });
  }

  failed(error: unknown): void {
    const { code, cause, remedy } =
      error instanceof ReigniteError
        ? { code: error.code, cause: error.message, remedy: error.remedy }
        : { code: 'INTERNAL', cause: String(error), remedy: ERRORS.INTERNAL.remedy };
    this.#notify({ code, cause, remedy });
  }

  #notify(what: z.infer<typeof Told>): void {
    if (!this.#isDetached || this.#hasTold) return;
    this.#hasTold = true;
    process.send?.(what, undefined, undefined, () => undefined);
  }
}
