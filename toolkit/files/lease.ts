import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { bestEffort } from '../concurrency.ts';
import { type ErrorCode, ReigniteError } from '../errors.ts';
import { silenceOf, sweepTemporaries, temporaryPathBeside } from './atomic-write.ts';
import { asDiskError, hasCode } from './file-access.ts';
import { makeFolder } from './folders.ts';
import { isRunning, ownIdentity, processTableId } from './process-identity.ts';
import { ensureSuitableFileSystem, PROBE } from './suitable-file-system.ts';

/** How often a holder renews its lease, and after which silence one that cannot be inspected from here counts as dead. */
export interface Rhythm {
  readonly renewMs: number;
  readonly silentMs: number;
}
const RHYTHM: Rhythm = { renewMs: 5_000, silentMs: 30_000 };

/** Attempts at a lease that neither succeed nor find a holder, before the reason is reported. */
const ATTEMPTS = 100;

/** Codes of a rename that may have lost a race: sshfs reports EPERM, Windows shares EACCES, others follow POSIX. */
const TAKEN = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EPERM', 'EACCES', 'EBUSY'] as const;

const Holder = z.object({
  host: z.string().default('another host'),
  pid: z.int().positive(),
  startTime: z.string(),
  /** The process table that `pid` belongs to. */
  table: z.string(),
  /** ISO 8601, by the holder's clock: for people, never compared. */
  since: z.string(),
  /** Earlier versions marked the state directory's lease as released instead of removing it. */
  released: z.boolean().default(false),
});

/** Who holds a lease. */
export type LeaseHolder = Readonly<z.infer<typeof Holder>>;

/** A lease that another process holds; `holder` is missing if its claim cannot be read. */
export interface HeldLease {
  readonly acquired: false;
  readonly holder?: LeaseHolder;
}

/** A lease that this process holds. */
export interface OwnLease {
  readonly acquired: true;
  /**
   * Aborted with FILE_LOCKED when another process may hold the lease, because this one slept or lost access to the
   * disk.
   */
  readonly lost: AbortSignal;
  readonly release: () => Promise<void>;
}

export interface LeaseOptions {
  readonly signal?: AbortSignal;
  /** @default renewed every 5 s, abandoned after 30 s of silence */
  readonly rhythm?: Rhythm;
}

/** One entry of a lease's folder, or a lock file that an earlier version left at its path. */
interface Claim {
  readonly path: string;
  readonly holder: LeaseHolder | undefined;
}

/** Names of the claims that this process holds, without those that it left behind after a failure. */
const held = new Set<string>();

/**
 * Acquires the lease at `path`, unless a living process holds it.
 *
 * The lease is a folder with one file, the claim, whose name is unique. Both are prepared next to `path` and renamed to
 * it. The rename succeeds only if there is no folder or an empty one, so exactly one process wins. Releasing removes
 * the claim by its name, then the folder if it is empty. The claim of a dead holder is removed the same way, so even a
 * slow process cannot remove the claim of another holder.
 *
 * A holder in the same process table is dead when its process has ended. Of a holder elsewhere, only the age of the
 * claim is known, by the file system's clock: renewing rewrites the claim, and the file system sets its time. Since
 * that clock may jump, a silent claim is watched for two more renewals before it counts as abandoned.
 *
 * @param path - Path of the folder; its parent is made if missing. Nothing remains after release.
 * @throws ReigniteError FILESYSTEM_UNSUITABLE; the file system's error when the folder cannot be written; the signal's
 *   reason.
 */
export async function acquireLease(
  path: string,
  { signal, rhythm = RHYTHM }: LeaseOptions = {},
): Promise<OwnLease | HeldLease> {
  await makeFolder(dirname(path));
  await ensureSuitableFileSystem(dirname(path));
  const name = `${randomBytes(12).toString('hex')}.json`;
  const since = new Date().toISOString();
  const text = JSON.stringify({ host: hostname(), ...(await ownIdentity()), table: processTableId(), since });
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const other = await livingClaim(path, rhythm, signal);
    if (other !== undefined) return heldBy(other);
    const refusal = await place(path, name, text);
    if (refusal === undefined) break;
    if (attempt >= ATTEMPTS) throw refusal;
    await sleep(Math.random() * Math.min(attempt, 20));
  }
  await sweepTemporaries(dirname(path), { of: (target) => target === basename(path) || target === PROBE });
  return keep(path, name, text, rhythm);
}

/**
 * Returns who holds the lease at `path`; undefined if it is free. Changes nothing. A holder in another process table
 * counts as dead once it is silent; `acquireLease` checks more carefully.
 */
export async function findLease(path: string, rhythm: Rhythm = RHYTHM): Promise<HeldLease | undefined> {
  for (const claim of await claimsAt(path)) {
    const isDead = (await isDeadHere(claim)) ?? (await watchTimeOf(claim, path, rhythm)) !== undefined;
    if (!isDead) return heldBy(claim);
  }
  return undefined;
}

function heldBy({ holder }: Claim): HeldLease {
  return { acquired: false, ...(holder === undefined ? {} : { holder }) };
}

/** @returns Undefined if no living process holds the lease; claims of dead ones are removed. */
async function livingClaim(path: string, rhythm: Rhythm, signal?: AbortSignal): Promise<Claim | undefined> {
  for (const claim of await claimsAt(path)) {
    const isDead = (await isDeadHere(claim)) ?? (await staysSilent(claim, path, rhythm, signal));
    if (!isDead) return claim;
    if (claim.path === path) await unlink(path).catch(ignore('ENOENT', 'EISDIR', 'EPERM'));
    else await rm(claim.path, { recursive: true, force: true });
  }
  await rmdir(path).catch(ignore('ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EPERM', 'EACCES'));
  return undefined;
}

/** @returns Undefined if the claim was placed, else the file system's error: another process may have been quicker. */
async function place(path: string, name: string, text: string): Promise<unknown> {
  const candidate = temporaryPathBeside(path);
  try {
    await mkdir(candidate);
    // A process that may write next to the lease may also remove it when its holder is dead. Not every file system has modes.
    await bestEffort(chmod(candidate, (await stat(dirname(path))).mode & 0o3777), 'others then see the usual mode');
    await writeFile(join(candidate, name), text, { flag: 'wx' });
    held.add(name);
    return await rename(candidate, path).catch((error: unknown) => {
      held.delete(name);
      if (hasCode(error, ...TAKEN)) return error;
      throw error;
    });
  } finally {
    await rm(candidate, { recursive: true, force: true });
  }
}

function keep(path: string, name: string, text: string, { renewMs, silentMs }: Rhythm): OwnLease {
  const claim = join(path, name);
  const lost = new AbortController();
  const remedy = 'Run the same command again once the other process has ended; a run does so by itself.';
  const lose = () => lost.abort(new ReigniteError('FILE_LOCKED', `Another process has taken ${path}.`, { remedy }));
  let renewed = performance.now();
  let renewal: Promise<void> | undefined;
  const timer = setInterval(() => {
    renewal ??= rewrite(claim, text)
      .then(
        () => {
          renewed = performance.now();
        },
        (error: unknown) => {
          // Processes elsewhere see only the renewals of a holder.
          if (hasCode(error, 'ENOENT', 'ESTALE') || performance.now() - renewed > silentMs) lose();
        },
      )
      .finally(() => {
        renewal = undefined;
      });
  }, renewMs);
  timer.unref();
  return {
    acquired: true,
    lost: lost.signal,
    release: async () => {
      clearInterval(timer);
      await renewal;
      held.delete(name);
      await unlink(claim).catch(ignore('ENOENT', 'ENOTDIR'));
      await rmdir(path).catch(ignore('ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'));
    },
  };
}

/** Overwrites the claim with the same bytes: readers never see a part of it, and the file system sets its time. */
async function rewrite(claim: string, text: string): Promise<void> {
  const file = await open(claim, 'r+');
  try {
    await file.write(text, 0);
  } finally {
    await file.close();
  }
}

/** Reads a lease's folder: a complete claim, one torn by a power loss, or a foreign file. */
async function claimsAt(path: string): Promise<readonly Claim[]> {
  const names = await readdir(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    if (hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  });
  const paths = names === undefined ? [path] : names.map((name) => join(path, name));
  return Promise.all(paths.map(async (claim) => ({ path: claim, holder: await readHolder(claim) })));
}

/** Earlier versions kept the state directory's claims as folders that hold a `holder.json`. */
async function readHolder(claim: string): Promise<LeaseHolder | undefined> {
  for (const file of [claim, join(claim, 'holder.json')]) {
    try {
      return Holder.parse(JSON.parse(await readFile(file, 'utf8')));
    } catch {
      // Torn, foreign or gone: only its age is known.
    }
  }
  return undefined;
}

/** @returns Undefined if the process cannot be inspected from here. */
async function isDeadHere({ path, holder }: Claim): Promise<boolean | undefined> {
  if (holder?.released) return true;
  if (holder?.table !== processTableId()) return undefined;
  const own = await ownIdentity();
  if (holder.pid === own.pid && holder.startTime === own.startTime) return !held.has(basename(path));
  return !(await isRunning(holder));
}

/** @returns True if the claim is too old and is not renewed while it is watched; false if it is in use. */
async function staysSilent(claim: Claim, path: string, rhythm: Rhythm, signal?: AbortSignal): Promise<boolean> {
  const before = await lastWritten(claim);
  const watchMs = await watchTimeOf(claim, path, rhythm);
  if (watchMs === undefined) return false;
  const end = performance.now() + watchMs;
  while (performance.now() < end) {
    await sleep(rhythm.renewMs / 5, undefined, signal === undefined ? {} : { signal });
    if ((await lastWritten(claim)) !== before) return false;
  }
  return true;
}

/**
 * Returns how long to watch a claim before it counts as abandoned; undefined if it is recent enough to be in use. A
 * claim from the future (the file system's clock was set back) has no age and is watched for the full silence limit.
 */
async function watchTimeOf(claim: Claim, path: string, { renewMs, silentMs }: Rhythm): Promise<number | undefined> {
  const written = await lastWritten(claim);
  if (written === undefined) return 0;
  const silence = await silenceOf(path, written);
  if (silence > silentMs) return 2 * renewMs;
  return silence < -2 * renewMs ? silentMs : undefined;
}

/** @returns Undefined if the claim is gone. */
async function lastWritten({ path }: Claim): Promise<number | undefined> {
  return (await modifiedMs(join(path, 'holder.json'))) ?? (await modifiedMs(path));
}

/** Opens the file if possible: NFS caches the modification time of an unopened file for up to a minute. */
async function modifiedMs(path: string): Promise<number | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  try {
    return (await (file?.stat() ?? stat(path))).mtimeMs;
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

function ignore(...codes: readonly string[]): (error: unknown) => void {
  return (error) => {
    if (!hasCode(error, ...codes)) throw error;
  };
}

/** Interval at which a waiting process tries again. */
const LOOK_AGAIN_MS = 5_000;

interface LockOptions extends LeaseOptions {
  /** What to say instead of FILE_LOCKED and its remedy, which are those of a download. */
  readonly held?: { readonly code?: ErrorCode; readonly remedy: string };
}

export type FileLock = Omit<OwnLease, 'acquired'>;

/**
 * Acquires a lock for writing what `subject` names: a lease that fails at once if another process holds it.
 *
 * @param path - Path of the lease; its folder is made if missing.
 * @param subject - What the lock protects, for the message.
 * @throws ReigniteError FILE_LOCKED (retryable), or the code in `held`, that names the holder; FILESYSTEM_UNSUITABLE;
 *   NOT_WRITABLE or NO_SPACE.
 */
export async function lockFile(
  path: string,
  subject: string,
  { held, ...options }: LockOptions = {},
): Promise<FileLock> {
  try {
    const lease = await acquireLease(path, options);
    if (lease.acquired) return lease;
    throw lockedBy(lease.holder, subject, held);
  } catch (error) {
    throw asDiskError(error, path);
  }
}

function lockedBy(
  holder: LeaseHolder | undefined,
  subject: string,
  { code = 'FILE_LOCKED', remedy }: Partial<NonNullable<LockOptions['held']>> = {},
): ReigniteError {
  const who = holder === undefined ? '' : ` by process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  return new ReigniteError(code, `${subject} is being written${who}.`, {
    ...(code === 'FILE_LOCKED' && { retryAfterMs: LOOK_AGAIN_MS }),
    ...(remedy !== undefined && { remedy }),
  });
}
