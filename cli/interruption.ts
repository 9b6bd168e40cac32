import { killChildProcesses } from '../runtime/child-processes.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { EXIT, printStep, silenceSteps } from './output.ts';

/** Signals that end a command in order, with the exit status that a shell expects of each. */
const STATUS = {
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
  SIGHUP: EXIT.hungUp,
  SIGPIPE: EXIT.brokenPipe,
} as const;
type StopSignal = keyof typeof STATUS;

/** Of a command that works on something durable itself. */
export const RESUMABLE = 'Interrupted: run the same command to resume; finished work is kept.';
/** Of a command that only watches what another one works on. */
export const STILL_RUNNING = 'Stopped watching; another process continues the run.';

const INTERRUPTED = 'Interrupted.';
let explanation: () => string = () => INTERRUPTED;
let endsAtOnce = false;

/**
 * Sets what is printed when the command is interrupted from now on: one sentence that is true at that moment. A process
 * runs one command.
 */
export function whenInterrupted(sentence: string | (() => string)): void {
  explanation = typeof sentence === 'string' ? () => sentence : sentence;
}

/**
 * As `whenInterrupted`, for a command that has nothing to bring to an end: it writes whole files only, and starts no
 * process. The first signal ends it at once.
 */
export function endWhenInterrupted(sentence: string): void {
  whenInterrupted(sentence);
  endsAtOnce = true;
}

/**
 * Listens to Ctrl-C, SIGTERM, SIGHUP, and to the end of whatever reads the output: the first one prints what
 * happens to the run and lets the command end in order; a second one ends it and its processes at once.
 *
 * @returns The exit status that the signal asks for; undefined while none came.
 */
export function listenForStop(stop: AbortController): () => number | undefined {
  let status: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const satisfies readonly StopSignal[]) {
    process.on(name, () => {
      // Each stream whose reader has gone gives one: that does not ask for an end at once, and no one reads a message.
      const isReaderGone = name === 'SIGPIPE';
      if (status !== undefined && !isReaderGone) endAtOnce(status);
      if (status !== undefined) return;
      status = STATUS[name];
      // A terminal shows ^C where the cursor is, which may be within a line.
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

/** Waits until the command is asked to stop. @throws What `failed` rejects with, should that come first. */
export async function untilStopped(failed: Promise<never>, signal: AbortSignal): Promise<void> {
  await Promise.race([failed, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
}
