import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { pause } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { makeFolderSync } from '../../files/make-folder.ts';

const Log = z.object({ sent: z.array(z.number()), notBefore: z.number() });
type Log = z.infer<typeof Log>;

/**
 * When a host was asked lately, and until when it asked to be left alone. Kept on disk, so that a process that was
 * killed and started again knows what the one before it had sent. Times are epoch ms.
 */
class RequestLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Requests after `since`, oldest first, none from the future: a clock that was put back must not stop everything. */
  read(since: number, now: number): Log {
    const { sent, notBefore } = this.#load();
    return { sent: sent.filter((time) => time > since && time <= now).sort((a, b) => a - b), notBefore };
  }

  /** Losing a record is harmless, so a full disk does not stop requests. */
  write(log: Log): void {
    try {
      makeFolderSync(dirname(this.#path));
      const temporary = `${this.#path}.${process.pid}`;
      writeFileSync(temporary, JSON.stringify(log));
      renameSync(temporary, this.#path);
    } catch {
      // See above.
    }
  }

  #load(): Log {
    try {
      return Log.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch {
      return { sent: [], notBefore: 0 };
    }
  }
}

export interface RateLimiterOptions {
  /** Where the requests of the last minute are noted. */
  readonly folder: string;
  /** Open at the same time, to one host. Default: 2. */
  readonly connections?: number;
  /** In any window, to one host. Default: 50. */
  readonly requests?: number;
  /** Default: 60 s. */
  readonly windowMs?: number;
}

/** A wait that the server asked for and that is no longer than this is made here, without giving up the turn. */
const SHORT_WAIT_MS = 1_000;
const QUEUE_POLL_MS = 20;
/** A request leaves a little after it is noted, one more than another: the server counts where they arrive. */
const UNDER_WAY_MS = 100;

/**
 * Holds back requests, host by host: at most a fixed number at once and in any minute, none
 * while the host asked to be left alone. One process of a state directory does all its downloading; what it sent before
 * it was killed counts too.
 */
export class HostRateLimiter {
  readonly #options: Required<RateLimiterOptions>;
  readonly #hosts = new Map<string, { log: RequestLog; open: number }>();

  constructor({ folder, connections = 2, requests = 50, windowMs = 60_000 }: RateLimiterOptions) {
    this.#options = { folder, connections, requests, windowMs };
  }

  /**
   * Waits for the turn of one request.
   *
   * @returns To be called when the reply has ended, however it ended.
   * @throws ReigniteError RATE_LIMITED with the wait when the host asked to be left alone for longer than a second;
   *   the signal's reason when aborted.
   */
  async enter(host: string, signal?: AbortSignal): Promise<() => void> {
    const state = this.#stateOf(host);
    for (;;) {
      signal?.throwIfAborted();
      const wait = state.open >= this.#options.connections ? QUEUE_POLL_MS : this.#waitOf(host, state.log);
      if (wait <= 0) break;
      await pause(wait, signal);
    }
    state.open += 1;
    let left = false;
    return () => {
      if (!left) state.open -= 1;
      left = true;
    };
  }

  /** Records for how long the host asked not to be called. */
  holdOff(host: string, ms: number): void {
    const { log } = this.#stateOf(host);
    const now = Date.now();
    const { sent, notBefore } = log.read(now - this.#options.windowMs, now);
    log.write({ sent, notBefore: Math.max(notBefore, now + ms) });
  }

  /** 0 when the request may go, and is counted; else how long to wait before asking again, ms. */
  #waitOf(host: string, log: RequestLog): number {
    const { requests, windowMs } = this.#options;
    const now = Date.now();
    const { sent, notBefore } = log.read(now - windowMs - UNDER_WAY_MS, now);
    const asked = notBefore - now;
    if (asked > SHORT_WAIT_MS) {
      const text = `${host} asked for no requests during the next ${Math.ceil(asked / 1_000)} s.`;
      throw new ReigniteError('RATE_LIMITED', text, { retryAfterMs: asked });
    }
    if (asked > 0) return asked;
    const oldest = sent.at(-requests);
    if (oldest !== undefined) return oldest + windowMs + UNDER_WAY_MS - now;
    log.write({ sent: [...sent, now], notBefore });
    // What counts is when it leaves, and on a busy disk the note has taken a while.
    if (Date.now() > now) log.write({ sent: [...sent, Date.now()], notBefore });
    return 0;
  }

  #stateOf(host: string): { log: RequestLog; open: number } {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const name = `${host.replaceAll(/[^A-Za-z0-9.-]+/g, '_')}.json`;
    const made = { log: new RequestLog(join(this.#options.folder, name)), open: 0 };
    this.#hosts.set(host, made);
    return made;
  }
}
