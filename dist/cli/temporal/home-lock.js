import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { asDiskError, writeFileAtomic } from '../../toolkit/files/atomic-write.js';
import { isRunning, ownIdentity, processTableId } from '../../toolkit/files/process-identity.js';
/** How often an owner shows that it lives, for those who cannot see its process. */
const HEARTBEAT_MS = 10_000;
/** An owner that cannot be seen and has shown nothing for so long is gone. */
const SILENCE_MS = 60_000;
const holderSchema = z.object({
    pid: z.int().positive(),
    startTime: z.string(),
    /** The process table in which `pid` means something. */
    table: z.string(),
    /** ISO 8601. */
    since: z.string(),
    released: z.boolean(),
});
/**
 * Makes this process the owner of a home, unless a living one owns it.
 *
 * Claims are numbered folders `owner/<n>`; the owner is who made the highest. A claim is renamed into place with its
 * content, and a rename onto a folder that holds something fails: of two takers of the same number one wins. The
 * highest claim is never deleted, only marked as released, so numbers never repeat: a taker that was slow finds
 * a higher number beside its own and steps back. An owner that was killed leaves a claim whose process (number and
 * start) is gone. Needs no hard links, no sockets and no locks of the file system.
 *
 * @throws ReigniteError NOT_WRITABLE or NO_SPACE.
 */
export async function acquireHomeLock(home) {
    const folder = join(home, 'owner');
    try {
        await mkdir(folder, { recursive: true });
        for (;;) {
            const latest = await latestClaim(folder);
            const holder = latest === 0 ? undefined : await readHolder(claimPath(folder, latest));
            if (holder !== undefined && (await isAlive(holder, claimPath(folder, latest))))
                return { owner: false, holder };
            const lock = await claim(folder, latest + 1);
            if (lock !== undefined)
                return lock;
        }
    }
    catch (error) {
        throw asDiskError(error, folder);
    }
}
/**
 * Waits until this process owns the home.
 *
 * @param pollMs - How often to look whether the owner has gone.
 * @throws The signal's reason when it aborts; what `acquireHomeLock` throws.
 */
export async function waitForHomeLock(home, { signal, pollMs = 500 } = {}) {
    for (;;) {
        signal?.throwIfAborted();
        const lock = await acquireHomeLock(home);
        if (lock.owner)
            return lock;
        await sleep(pollMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
}
/** Who owns the home now; undefined when nobody does. Claims nothing. */
export async function homeHolder(home) {
    const folder = join(home, 'owner');
    const latest = await latestClaim(folder).catch(() => 0);
    if (latest === 0)
        return undefined;
    const holder = await readHolder(claimPath(folder, latest));
    return holder !== undefined && (await isAlive(holder, claimPath(folder, latest))) ? holder : undefined;
}
async function claim(folder, number) {
    const holder = {
        ...(await ownIdentity()),
        table: await processTableId(),
        since: new Date().toISOString(),
        released: false,
    };
    const path = claimPath(folder, number);
    if (!(await placeClaim(folder, path, holder)))
        return undefined;
    if ((await latestClaim(folder)) > number) {
        await rm(path, { recursive: true, force: true });
        return undefined;
    }
    await removeOlder(folder, number);
    const heartbeat = setInterval(() => {
        const now = new Date();
        utimes(holderFile(path), now, now).catch(() => undefined);
    }, HEARTBEAT_MS);
    heartbeat.unref();
    return {
        owner: true,
        release: async () => {
            clearInterval(heartbeat);
            // A home that was deleted under its owner is not brought back.
            if ((await readHolder(path)) === undefined)
                return;
            await writeFileAtomic(holderFile(path), JSON.stringify({ ...holder, released: true }));
        },
    };
}
/** @returns Whether the claim took its place: false when another one lies there. */
async function placeClaim(folder, path, holder) {
    const candidate = join(folder, `.claim-${process.pid}-${randomBytes(6).toString('hex')}`);
    try {
        await writeFileAtomic(holderFile(candidate), JSON.stringify(holder));
        await rename(candidate, path);
        return true;
    }
    catch (error) {
        await rm(candidate, { recursive: true, force: true });
        if (hasCode(error, 'ENOTEMPTY', 'EEXIST'))
            return false;
        throw error;
    }
}
/** @returns The highest number, 0 when there is no claim. */
async function latestClaim(folder) {
    const names = await readdir(folder);
    return Math.max(0, ...names.filter((name) => /^\d+$/.test(name)).map(Number));
}
/** @returns Undefined when the claim is gone, or torn by a loss of power: a living owner's is complete. */
async function readHolder(path) {
    const text = await readFile(holderFile(path), 'utf8').catch((error) => {
        if (hasCode(error, 'ENOENT'))
            return '';
        throw error;
    });
    try {
        return holderSchema.parse(JSON.parse(text));
    }
    catch {
        return undefined;
    }
}
function hasCode(error, ...codes) {
    return error instanceof Error && 'code' in error && codes.some((code) => code === error.code);
}
async function isAlive(holder, path) {
    if (holder.released)
        return false;
    if (holder.table === (await processTableId()))
        return await isRunning(holder);
    return (await silenceOf(path)) < SILENCE_MS;
}
/** Time since the owner's last heartbeat in ms, by the file system's clock: machines disagree about the time. */
async function silenceOf(path) {
    const probe = join(path, '..', `.probe-${process.pid}-${randomBytes(6).toString('hex')}`);
    try {
        await writeFileAtomic(probe, '');
        return (await stat(probe)).mtimeMs - (await stat(holderFile(path))).mtimeMs;
    }
    finally {
        await rm(probe, { force: true });
    }
}
/** Removes the claims that a higher one has replaced, and what takers left that were killed while they claimed. */
async function removeOlder(folder, number) {
    for (const name of await readdir(folder)) {
        const path = join(folder, name);
        const isOld = /^\d+$/.test(name) ? Number(name) < number : await isAbandoned(path);
        if (isOld)
            await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
}
async function isAbandoned(path) {
    const status = await stat(path).catch(() => undefined);
    return status !== undefined && Date.now() - status.mtimeMs > 3_600_000;
}
function claimPath(folder, number) {
    return join(folder, String(number));
}
function holderFile(path) {
    return join(path, 'holder.json');
}
