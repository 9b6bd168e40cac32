import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { pause } from '../../concurrency.ts';
import { ReigniteError } from '../../errors.ts';
import { makeFolderSync } from '../../files/folders.ts';

const Log = z.object({ sent: z.array(z.number()), notBefore: z.number() });
type Log = z.infer<typeof Log>;

/**
 * Recent requests to a host, and the time until which the host asked for no requests. Stored on disk, so that a restarted
 * process knows what the one before it had sent. Times are epoch ms.
 */
class RequestLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads the requests after `since`, oldest first. Ignores those in the future, in case the clock was set back. */
  read(since: number, now: number): Log {
    const { sent, notBefore } = this.#load();
    return { sent: sent.filter((time) => time > since && time <= now).sort((a, b) => a - b), notBefore };
  }

  /** Writes the log. Losing it is harmless, so a full disk does not stop requests. */
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
  /** Folder in which recent requests are recorded. */
  readonly folder: string;
  /** Maximum number of open requests per host. Default: 2. */
  readonly connections?: number;
  /** Maximum number of requests per host in any window. Default: 50. */
  readonly requests?: number;
  /** Length of a window. Default: 60 s. */
  readonly windowMs?: number;
}

/** If the server asks for a wait up to this, it is made here instead of throwing RATE_LIMITED. */
const SHORT_WAIT_MS = 1_000;
const QUEUE_POLL_MS = 20;
/** Added to the window, because requests arrive at the server with varying delays after they were recorded. */
const UNDER_WAY_MS = 100;

/**
 * Limits requests per host: at most a fixed number at the same time and in any window, and none while the host asked for
 * no requests. A single process of a state directory makes all downloads; requests of an earlier process count too.
 */
export class HostRateLimiter {
  readonly #options: Required<RateLimiterOptions>;
  readonly #hosts = new Map<string, { log: RequestLog; open: number }>();

  constructor({ folder, connections = 2, requests = 50, windowMs = 60_000 }: RateLimiterOptions) {
    this.#options = { folder, connections, requests, windowMs };
  }

  /**
   * Waits until a request may be sent.
   *
   * @returns A function to call when the reply has ended, also after an error.
   * @throws ReigniteError RATE_LIMITED with the time to wait if the host asked for no requests for more than a second; the
   *   signal's reason when aborted.
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

  /** Records for how long the host asked for no requests. */
  holdOff(host: string, ms: number): void {
    const { log } = this.#stateOf(host);
    const now = Date.now();
    const { sent, notBefore } = log.read(now - this.#options.windowMs, now);
    log.write({ sent, notBefore: Math.max(notBefore, now + ms) });
  }

  /** Returns 0 and counts the request if it may be sent; else the time in ms after which to check again. */
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
    // The time of sending counts, and on a busy disk writing the log took a while.
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
