import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { bestEffort } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { sha256Of } from '../../files/hash-file.ts';

const Note = z.object({
  /** Run to which the attempts belong. */
  execution: z.string(),
  /** What the attempts lack. */
  resource: z.enum(['network', 'space']),
  /** Start of the time without progress, epoch ms. */
  since: z.number(),
  /** When the last attempt failed, epoch ms. */
  last: z.number(),
  /** Wait after the last attempt, ms. */
  wait: z.number(),
  /** Bytes on disk after the last attempt. */
  bytes: z.number(),
  /** Failed attempts since the last new byte. */
  failures: z.number(),
});
type Note = z.infer<typeof Note>;

/** An attempt that failed. */
export interface FailedAttempt {
  /** What was attempted: the path of a file, the address of a record. */
  readonly subject: string;
  /** Run to which the attempt belongs. A restarted run gets a new budget. */
  readonly execution: string;
  /** Bytes of the file on disk. More than after the last failure is progress. */
  readonly bytes: number;
  /** When the attempt started, epoch ms. */
  readonly startedAt: number;
}

export interface RetryLimits {
  /** Maximum time without a new byte from the network, ms. */
  readonly retryTimeoutMs: number;
  /** Maximum time to wait for space on a full disk, ms. */
  readonly diskFullTimeoutMs: number;
  /** Wait before the second attempt, ms. Doubles with every failure. */
  readonly retryMs: number;
}

const MAX_WAIT_MS = 100_000;
/** Wait between two checks of a full disk. */
const SPACE_WAIT_MS = 30_000;
/** If the pause between attempts exceeds the wait by more than this, no process was running, and the count restarts. */
const ABSENT_MS = 120_000;

/**
 * Decides after a failed attempt whether and when to try again. The limit is not the number of attempts but the time without
 * a new byte, counted separately for a lack of space and for the network. Waits grow with consecutive failures and are
 * reset by progress. Stored on disk, so that a killed process does not restart the count.
 */
export class RetryBudget {
  readonly #folder: string;
  readonly #notes = new Map<string, Note>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Evaluates a failed attempt.
   *
   * @returns The error to throw: with the time to wait, or not retryable if the budget is exhausted. Errors that concern
   *   neither the network nor space are returned unchanged.
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
      return exhausted(error, now - since);
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

  /** Resets the budget of a subject. */
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

  /** Saves a note, in memory too in case the disk is full. */
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

/** Computes the wait. That of the server is respected even if it exceeds the limit. Jitter keeps clients apart. */
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

function exhausted(error: ReigniteError, ms: number): ReigniteError {
  const seconds = Math.round(ms / 1_000);
  const what = error.code === 'NO_SPACE' ? 'There was no space' : 'No new byte arrived';
  return new ReigniteError(error.code, `${error.message} ${what} for ${seconds} s.`, {
    cause: error.cause,
    remedy:
      error.code === 'NO_SPACE'
        ? error.remedy
        : error.code === 'RATE_LIMITED'
          ? 'Wait until the server accepts requests again, then run the same command again to resume.'
          : 'Check the connection and the proxy settings, then run the same command again to resume.',
    retryable: false,
  });
}
