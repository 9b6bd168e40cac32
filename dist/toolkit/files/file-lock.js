import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.js';
import { asDiskError, temporaryPathBeside } from './atomic-write.js';
import { isRunning, ownIdentity, processTableId } from './process-identity.js';
/** How often a holder shows that it lives, for those who cannot see its process. */
const REFRESH_MS = 5_000;
/** A holder whose process cannot be seen and that has shown nothing for so long is gone. */
const STALE_MS = 30_000;
/** How soon a waiter may look again. */
const LOOK_AGAIN_MS = 5_000;
const Holder = z.object({
    host: z.string(),
    pid: z.int().positive(),
    startTime: z.string(),
    /** The process table in which `pid` means something. */
    table: z.string(),
    /** ISO 8601. */
    since: z.string(),
    /** Of this one locking: the same process may lock again. */
    nonce: z.string(),
});
/** What this process holds: a file it left behind before is not among it. */
const held = new Set();
/**
 * Locks by a file that names host, process and its start, and is touched every five seconds. One whose process has
 * ended is taken over at once, one of another machine when it was not touched for 30 s.
 *
 * @param path - The lock itself; its folder is made if missing.
 * @param subject - What it stands for, for the message.
 * @throws ReigniteError FILE_LOCKED (retryable) that names the holder; NOT_WRITABLE or NO_SPACE.
 */
export async function lockFile(path, subject) {
    const own = {
        host: hostname(),
        ...(await ownIdentity()),
        table: await processTableId(),
        since: new Date().toISOString(),
        nonce: randomUUID(),
    };
    try {
        await mkdir(dirname(path), { recursive: true });
        while (!(await place(path, own)))
            await removeStale(path, subject);
    }
    catch (error) {
        throw asDiskError(error, path);
    }
    return keep(path, own);
}
/** @returns False when there is a lock already. */
async function place(path, own) {
    try {
        const handle = await open(path, 'wx');
        held.add(own.nonce);
        try {
            await handle.writeFile(JSON.stringify(own));
        }
        finally {
            await handle.close();
        }
        return true;
    }
    catch (error) {
        if (hasCode(error, 'EEXIST'))
            return false;
        if (held.delete(own.nonce))
            await rm(path, { force: true });
        throw error;
    }
}
function keep(path, own) {
    const lost = new AbortController();
    const refresh = async () => {
        if ((await readHolder(path))?.nonce === own.nonce) {
            const now = new Date();
            await utimes(path, now, now).catch(() => undefined);
        }
        else {
            lost.abort(new ReigniteError('FILE_LOCKED', `The lock ${path} was taken by another process.`));
        }
    };
    const timer = setInterval(() => void refresh(), REFRESH_MS);
    timer.unref();
    return {
        lost: lost.signal,
        async release() {
            clearInterval(timer);
            held.delete(own.nonce);
            if ((await readHolder(path))?.nonce === own.nonce)
                await rm(path, { force: true });
        },
    };
}
/** Returns when the lock of a holder that has gone is removed. */
async function removeStale(path, subject) {
    const holder = await readHolder(path);
    if (!(await isStale(path, holder)))
        throw lockedBy(holder, subject);
    // Of two that take over at the same time, the slower one must not remove what the faster has put there.
    const turn = `${path}.turn`;
    if (!(await isMade(turn))) {
        if ((await silenceOf(turn)) > STALE_MS)
            await rm(turn, { force: true });
        throw lockedBy(undefined, subject);
    }
    try {
        if ((await readHolder(path))?.nonce === holder?.nonce)
            await rm(path, { force: true });
    }
    finally {
        await rm(turn, { force: true });
    }
}
/** Makes an empty file; false when it is there. */
async function isMade(path) {
    try {
        await (await open(path, 'wx')).close();
        return true;
    }
    catch (error) {
        if (hasCode(error, 'EEXIST'))
            return false;
        throw error;
    }
}
function lockedBy(holder, subject) {
    const who = holder === undefined ? '' : ` by process ${holder.pid} on ${holder.host}, since ${holder.since}`;
    return new ReigniteError('FILE_LOCKED', `${subject} is being written${who}.`, { retryAfterMs: LOOK_AGAIN_MS });
}
async function isStale(path, holder) {
    if (holder?.pid === process.pid && holder.table === (await processTableId()))
        return !held.has(holder.nonce);
    if (holder?.table === (await processTableId()))
        return !(await isRunning(holder));
    return (await silenceOf(path)) > STALE_MS;
}
/** Time since the lock was touched in ms, by the file system's clock: machines disagree about the time. */
async function silenceOf(path) {
    const probe = temporaryPathBeside(path);
    try {
        await (await open(probe, 'wx')).close();
        const touched = await stat(path).catch(() => undefined);
        return touched === undefined ? Number.POSITIVE_INFINITY : (await stat(probe)).mtimeMs - touched.mtimeMs;
    }
    finally {
        await rm(probe, { force: true });
    }
}
/** Undefined when it is gone, or not fully written yet. */
async function readHolder(path) {
    try {
        return Holder.parse(JSON.parse(await readFile(path, 'utf8')));
    }
    catch {
        return undefined;
    }
}
function hasCode(error, code) {
    return error instanceof Error && 'code' in error && error.code === code;
}
