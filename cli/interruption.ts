import { killChildProcesses } from '../runtime/child-processes.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { EXIT, printStep, silenceSteps } from './output.ts';

/** Signals that end a command cleanly, with the exit status that shells expect for each. */
const STATUS = {
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
  SIGHUP: EXIT.hungUp,
  SIGPIPE: EXIT.brokenPipe,
} as const;
type StopSignal = keyof typeof STATUS;

/** Message of a command that does durable work itself. */
export const RESUMABLE = 'Interrupted: run the same command to resume; finished work is kept.';
/** Message of a command that only watches the work of another one. */
export const STILL_RUNNING = 'Stopped watching; another process continues the run.';

const INTERRUPTED = 'Interrupted.';
let explanation: () => string = () => INTERRUPTED;
let endsAtOnce = false;

/**
 * Sets the message for an interruption from now on: one sentence that is true at that moment. There is one command at a
 * time.
 */
export function whenInterrupted(sentence: string | (() => string)): void {
  explanation = typeof sentence === 'string' ? () => sentence : sentence;
}

/**
 * The same for a command with nothing to clean up: it writes files atomically and starts no process. The first signal
 * ends it at once.
 */
export function endWhenInterrupted(sentence: string): void {
  whenInterrupted(sentence);
  endsAtOnce = true;
}

/**
 * Handles Ctrl-C, SIGTERM, SIGHUP and the loss of the output's reader. The first signal prints what happens to the run
 * and ends the command cleanly; a second one ends it and its processes at once. The message of an earlier command is
 * forgotten.
 *
 * @returns The exit status for the signal; undefined if there was none.
 */
export function listenForStop(stop: AbortController): () => number | undefined {
  let status: number | undefined;
  whenInterrupted(INTERRUPTED);
  endsAtOnce = false;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const satisfies readonly StopSignal[]) {
    process.on(name, () => {
      // Every stream that lost its reader sends one: this must not count as a second signal, and no message can be
      // read.
      const isReaderGone = name === 'SIGPIPE';
      if (status !== undefined && !isReaderGone) endAtOnce(status);
      if (status !== undefined) return;
      status = STATUS[name];
      // A terminal shows ^C at the cursor, which may be in the middle of a line.
      if (name === 'SIGINT' && process.stderr.isTTY) process.stderr.write('\n');
      if (!isReaderGone) printStep(explanation());
      if (endsAtOnce) endAtOnce(status);
      silenceSteps();
      stop.abort(new ReigniteError('CANCELLED', `The command received ${name}.`));
    });
  }
  return () => status;
}

function endAtOnce(status: number): never {
  killChildProcesses();
  process.exit(status);
}

/** Waits until the command is asked to stop. @throws What `failed` rejects with, if that happens first. */
export async function untilStopped(failed: Promise<never>, signal: AbortSignal): Promise<void> {
  await Promise.race([failed, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
}
