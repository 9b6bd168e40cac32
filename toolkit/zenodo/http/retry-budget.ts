import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { bestEffort } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { sha256Of } from '../../files/hash-file.ts';

const Note = z.object({
  /** Whose attempts are counted. */
  execution: z.string(),
  /** What they fail for. */
  resource: z.enum(['network', 'space']),
  /** Since when attempts bring nothing, and when the last one failed, epoch ms. */
  since: z.number(),
  last: z.number(),
  /** The wait that was given then, ms. */
  wait: z.number(),
  /** Bytes that were there then. */
  bytes: z.number(),
  /** Failed attempts since the last byte. */
  failures: z.number(),
});
type Note = z.infer<typeof Note>;

/** An attempt that failed. */
export interface FailedAttempt {
  /** What was attempted: the path of a file, the address of a record. */
  readonly subject: string;
  /** A run that is started again gets a new budget. */
  readonly execution: string;
  /** Of the file, on disk; more than at the last failure is progress. */
  readonly bytes: number;
  /** When the attempt began, epoch ms. */
  readonly startedAt: number;
}

export interface RetryLimits {
  /** How long the network may bring nothing, ms. */
  readonly retryTimeoutMs: number;
  /** How long a full disk is waited for, ms. */
  readonly diskFullTimeoutMs: number;
  /** Wait before the second attempt, ms; doubles. */
  readonly retryMs: number;
}

const MAX_WAIT_MS = 100_000;
/** How often a full disk is looked at. */
const SPACE_WAIT_MS = 30_000;
/** A pause between attempts longer than this, beyond the wait, means that no process was running; it does not count. */
const ABSENT_MS = 120_000;

/**
 * Decides after a failed attempt whether there is another one, and when. What is limited is the time without a single
 * new byte, not the number of attempts, and time without space apart from time without the network; waits grow with failures in a row and are short again after progress.
 * Kept on disk, so that a process that was killed does not restart the count.
 */
export class RetryBudget {
  readonly #folder: string;
  readonly #notes = new Map<string, Note>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * @returns The error to end the attempt with: with a wait, or not retryable where the budget is used up. What is
   *   neither about the network nor about space comes back as it is.
   */
  async after(error: unknown, attempt: FailedAttempt, limits: RetryLimits, now = Date.now()): Promise<unknown> {
    if (!(error instanceof ReigniteError)) return error;
    const { code } = error;
    if (code !== 'NETWORK' && code !== 'RATE_LIMITED' && code !== 'NO_SPACE') return error;
    const resource = code === 'NO_SPACE' ? 'space' : 'network';
    const before = await this.#read(attempt.subject);
    const continuesStreak =
      before?.execution === attempt.execution &&
      before.resource === resource &&
      attempt.bytes <= before.bytes &&
      now - before.last < before.wait + ABSENT_MS + (now - attempt.startedAt);
    const since = continuesStreak ? before.since : now;
    const failures = continuesStreak ? before.failures + 1 : 1;
    const left = since + (code === 'NO_SPACE' ? limits.diskFullTimeoutMs : limits.retryTimeoutMs) - now;
    if (left <= 0) {
      await this.done(attempt.subject);
      return given(error, now - since);
    }
    const wait = waitFor(error, failures, left, limits);
    const { execution, bytes } = attempt;
    await this.#write(attempt.subject, { execution, resource, since, last: now, wait, bytes, failures });
    return new ReigniteError(code, error.message, {
      cause: error.cause,
      remedy: code === 'NO_SPACE' ? SPACE_REMEDY : error.remedy,
      retryAfterMs: wait,
      retryable: true,
    });
  }

  /** Forgets what was counted. */
  async done(subject: string): Promise<void> {
    this.#notes.delete(subject);
    await bestEffort(rm(this.#pathOf(subject), { force: true }), 'an old note only shortens the patience');
  }

  async #read(subject: string): Promise<Note | undefined> {
    const known = this.#notes.get(subject);
    if (known !== undefined) return known;
    try {
      return Note.parse(JSON.parse(await readFile(this.#pathOf(subject), 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** On a disk that is full, memory has to do. */
  async #write(subject: string, note: Note): Promise<void> {
    this.#notes.set(subject, note);
    await bestEffort(
      writeFileAtomic(this.#pathOf(subject), JSON.stringify(note)),
      'without a note the patience starts again',
    );
  }

  #pathOf(subject: string): string {
    return join(this.#folder, `${sha256Of(subject).slice(0, 16)}.attempts.json`);
  }
}

const SPACE_REMEDY = 'Free disk space: the run continues as soon as there is enough.';

/** A server's own wish is followed, once even beyond the limit; a little chance keeps clients from coming together. */
function waitFor(
  error: ReigniteError,
  failures: number,
  left: number,
  { retryMs, diskFullTimeoutMs }: RetryLimits,
): number {
  if (error.retryAfterMs !== undefined && error.code === 'RATE_LIMITED') return error.retryAfterMs + jitter(1_000);
  const wait =
    error.code === 'NO_SPACE'
      ? Math.min(SPACE_WAIT_MS, diskFullTimeoutMs / 20)
      : Math.min(retryMs * 2 ** Math.min(failures - 1, 20), MAX_WAIT_MS);
  return Math.min(wait + jitter(wait / 5), left + 1);
}

function jitter(most: number): number {
  return Math.round(Math.random() * most);
}

function given(error: ReigniteError, ms: number): ReigniteError {
  const seconds = Math.round(ms / 1_000);
  const what = error.code === 'NO_SPACE' ? 'There was no space' : 'No new byte arrived';
  return new ReigniteError(error.code, `${error.message} ${what} for ${seconds} s.`, {
    cause: error.cause,
    remedy:
      error.code === 'NO_SPACE'
        ? error.remedy
        : 'Check the connection and the proxy settings, then run the same command again to resume.',
    retryable: false,
  });
}
