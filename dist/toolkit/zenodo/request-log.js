import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
const Log = z.object({ sent: z.array(z.number()), notBefore: z.number() });
/**
 * When a host was asked lately, and until when it asked to be left alone. Kept on disk, so that a process that was
 * killed and started again knows what the one before it had sent. Times are epoch ms.
 */
export class RequestLog {
    #path;
    constructor(path) {
        this.#path = path;
    }
    /** Requests after `since`, oldest first, none from the future: a clock that was put back must not stop everything. */
    read(since, now) {
        const { sent, notBefore } = this.#load();
        return { sent: sent.filter((time) => time > since && time <= now).sort((a, b) => a - b), notBefore };
    }
    /** Losing a note is harmless, so that a full disk is no reason not to send a request. */
    write(log) {
        try {
            mkdirSync(dirname(this.#path), { recursive: true });
            const temporary = `${this.#path}.${process.pid}`;
            writeFileSync(temporary, JSON.stringify(log));
            renameSync(temporary, this.#path);
        }
        catch {
            // See above.
        }
    }
    #load() {
        try {
            return Log.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
        }
        catch {
            return { sent: [], notBefore: 0 };
        }
    }
}
