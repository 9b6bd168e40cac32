import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { makeFolderSync } from '../files/make-folder.ts';

const Log = z.object({ sent: z.array(z.number()), notBefore: z.number() });
type Log = z.infer<typeof Log>;

/**
 * When a host was asked lately, and until when it asked to be left alone. Kept on disk, so that a process that was
 * killed and started again knows what the one before it had sent. Times are epoch ms.
 */
export class RequestLog {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Requests after `since`, oldest first, none from the future: a clock that was put back must not stop everything. */
  read(since: number, now: number): Log {
    const { sent, notBefore } = this.#load();
    return { sent: sent.filter((time) => time > since && time <= now).sort((a, b) => a - b), notBefore };
  }

  /** Losing a note is harmless, so that a full disk is no reason not to send a request. */
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
