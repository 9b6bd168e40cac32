import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { bestEffort } from '../concurrency.ts';
import { ReigniteError } from '../errors.ts';
import { hasCode } from './disk-error.ts';
import { makeFolder } from './make-folder.ts';
import { isRunning, ownIdentity, processTableId } from './process-identity.ts';
import { ensureSuitableFileSystem, PROBE, silenceOf } from './suitable-file-system.ts';
import { sweepTemporaries, temporaryPathBeside } from './temporary-files.ts';

/** How often a holder shows that it is alive, and when one that cannot be seen otherwise counts as dead. */
export interface Rhythm {
  readonly renewMs: number;
  readonly silentMs: number;
}
const RHYTHM: Rhythm = { renewMs: 5_000, silentMs: 30_000 };

/** Attempts at a lease that neither succeed nor find a holder, before the reason is reported. */
const ATTEMPTS = 100;

/** A rename that fails so may have lost a race: sshfs says EPERM, Windows shares EACCES, others what POSIX says. */
const TAKEN = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EPERM', 'EACCES', 'EBUSY'] as const;

const Holder = z.object({
  host: z.string().default('another host'),
  pid: z.int().positive(),
  startTime: z.string(),
  /** The process table in which `pid` means something. */
  table: z.string(),
  /** ISO 8601, by the holder's clock: for people, never compared. */
  since: z.string(),
  /** Earlier versions did not remove the state directory's lease but marked it. */
  released: z.boolean().default(false),
});

/** Who holds a lease. */
export type LeaseHolder = Readonly<z.infer<typeof Holder>>;

/** A lease that another process holds; `holder` is missing when what it wrote cannot be read. */
export interface HeldLease {
  readonly acquired: false;
  readonly holder?: LeaseHolder;
}

/** A lease that this process holds. */
export interface OwnLease {
  readonly acquired: true;
  /** Aborted with FILE_LOCKED when another process may hold the lease: this one slept, or was cut off from the disk. */
  readonly lost: AbortSignal;
  readonly release: () => Promise<void>;
}

export interface LeaseOptions {
  readonly signal?: AbortSignal;
  /** @default renewed every 5 s, abandoned after 30 s of silence */
  readonly rhythm?: Rhythm;
}

/** One entry of a lease's folder, or a lock file that an earlier version left in its place. */
interface Claim {
  readonly path: string;
  readonly holder: LeaseHolder | undefined;
}

/** Names of the claims that this process holds: one that it left behind by a failure is not among them. */
const held = new Set<string>();

/**
 * Acquires the lease at `path`, unless a living process holds it.
 *
 * The lease is a folder with one file, the claim, whose name is unique. Folder and claim are prepared next to
 * `path` and renamed into place: that succeeds only where there is no folder or an empty one, so of any number of
 * processes one wins. Releasing removes the claim by its name and then the folder if it is empty. A claim whose holder
 * is dead is removed the same way: no process, however slow, can remove the claim of another holder.
 *
 * A holder in the same process table is dead when its process has ended. For one elsewhere only the claim's age is known,
 * by the clock of the file system alone: the holder rewrites the claim, which lets the file system set the time. Since
 * that clock may jump, a silent claim is watched for two more renewals first.
 *
 * @param path - Of the folder; its parent is made if missing. Nothing of the lease remains after release.
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
 * Who holds the lease at `path`; undefined when it is free. Changes nothing: a holder elsewhere counts as dead once
 * it is silent, and `acquireLease` looks closer.
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

/** @returns Undefined when no living process holds the lease; what dead ones left is then removed. */
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

/** @returns Undefined when the claim is in place, else what the file system said: another process may have been quicker. */
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
  const lose = () => lost.abort(new ReigniteError('FILE_LOCKED', `Another process has taken ${path}.`));
  let renewed = performance.now();
  let renewal: Promise<void> | undefined;
  const timer = setInterval(() => {
    renewal ??= rewrite(claim, text)
      .then(
        () => {
          renewed = performance.now();
        },
        (error: unknown) => {
          // Others cannot see more of a holder than its renewals.
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

/** Writes the same bytes over the claim: no reader sees half of it, and its modification time comes from the file system. */
async function rewrite(claim: string, text: string): Promise<void> {
  const file = await open(claim, 'r+');
  try {
    await file.write(text, 0);
  } finally {
    await file.close();
  }
}

/** What is in a lease's folder; a complete claim, one torn by a loss of power, or something foreign. */
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
      // Torn, foreign or gone: then only its age is known.
    }
  }
  return undefined;
}

/** @returns Undefined when the process cannot be looked at from here. */
async function isDeadHere({ path, holder }: Claim): Promise<boolean | undefined> {
  if (holder?.released) return true;
  if (holder?.table !== processTableId()) return undefined;
  const own = await ownIdentity();
  if (holder.pid === own.pid && holder.startTime === own.startTime) return !held.has(basename(path));
  return !(await isRunning(holder));
}

/** @returns True when the claim is too old and is not renewed either while it is watched; false when it is in use. */
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
 * How long a claim has to be watched before it counts as abandoned; undefined when it is young enough to be in use.
 * One from the file system's future, whose clock was set back, has no age: it is watched for all of the silence.
 */
async function watchTimeOf(claim: Claim, path: string, { renewMs, silentMs }: Rhythm): Promise<number | undefined> {
  const written = await lastWritten(claim);
  if (written === undefined) return 0;
  const silence = await silenceOf(path, written);
  if (silence > silentMs) return 2 * renewMs;
  return silence < -2 * renewMs ? silentMs : undefined;
}

/** @returns Undefined when the claim is gone. */
async function lastWritten({ path }: Claim): Promise<number | undefined> {
  return (await modifiedMs(join(path, 'holder.json'))) ?? (await modifiedMs(path));
}

/** Opens the file where it may: NFS serves the modification time of an unopened file from a cache, up to a minute old. */
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
