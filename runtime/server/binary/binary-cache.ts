import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { bestEffort } from '../../../toolkit/concurrency.ts';
import { writeFileAtomic } from '../../../toolkit/files/atomic-write.ts';
import { hasCode } from '../../../toolkit/files/disk-error.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { readTextIfThere, statIfThere } from '../../../toolkit/files/if-there.ts';
import { makeFolder } from '../../../toolkit/files/make-folder.ts';
import { TEMPORAL_VERSION, type TemporalBuild } from './release.ts';

const EXECUTABLE = 'temporal';
const RECORD = 'installed.json';
const DAY_MS = 86_400_000;

const recordSchema = z.object({ sha256: z.string(), bytes: z.number(), mtimeMs: z.number(), origin: z.string() });

export interface CachedBinary {
  readonly path: string;
  /** The way by which it came. */
  readonly origin: string;
}

/**
 * The cached binary. Its size and time are compared with what was recorded, and its digest when they differ.
 *
 * @throws Error which says why there is none to use: nothing cached, or something else than was put there.
 */
export async function cachedBinary(cache: string, build: TemporalBuild): Promise<CachedBinary> {
  const folder = installFolder(cache, build);
  const path = join(folder, EXECUTABLE);
  const text = await readTextIfThere(join(folder, RECORD));
  if (text === undefined) throw new Error(`nothing at ${path}`);
  const record = recordSchema.parse(JSON.parse(text));
  const status = await stat(path);
  if (status.size !== record.bytes) throw new Error(`${path} is damaged`);
  if (status.mtimeMs !== record.mtimeMs) {
    if ((await sha256OfFile(path)) !== record.sha256) throw new Error(`${path} is damaged`);
    await writeFileAtomic(join(folder, RECORD), JSON.stringify({ ...record, mtimeMs: status.mtimeMs }));
  }
  return { path, origin: record.origin };
}

/** A new folder in the cache in which to fetch; what killed processes left there a day ago goes. */
export async function stagingFolder(cache: string): Promise<string> {
  // A user who can write there could replace the server with another program.
  await makeFolder(cache, { mode: 0o700 });
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    const status = name.startsWith('.fetch-') ? await statIfThere(path) : undefined;
    if (status !== undefined && Date.now() - status.mtimeMs > DAY_MS) await rm(path, { recursive: true, force: true });
  }
  return await mkdtemp(join(cache, '.fetch-'));
}

/**
 * Puts a fetched executable into the cache. The folder takes its place whole, with its record; when another process
 * was quicker, its binary serves, and one that turns out damaged is replaced.
 *
 * @param executable - With its permission set, in a staging folder of the same cache.
 */
export async function installBinary(
  cache: string,
  build: TemporalBuild,
  executable: string,
  origin: string,
): Promise<CachedBinary> {
  const ready = await mkdtemp(join(cache, '.fetch-'));
  try {
    const path = join(ready, EXECUTABLE);
    await rename(executable, path);
    const { size, mtimeMs } = await stat(path);
    const record = { sha256: await sha256OfFile(path), bytes: size, mtimeMs, origin };
    await writeFile(join(ready, RECORD), JSON.stringify(record), { mode: 0o644 });
    await chmod(ready, 0o755);
    await takePlace(ready, cache, build);
  } finally {
    await rm(ready, { recursive: true, force: true });
  }
  return await cachedBinary(cache, build);
}

async function takePlace(ready: string, cache: string, build: TemporalBuild): Promise<void> {
  const folder = installFolder(cache, build);
  for (;;) {
    try {
      await rename(ready, folder);
      return;
    } catch (error) {
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    }
    const isSound = await cachedBinary(cache, build).then(
      () => true,
      () => false,
    );
    if (isSound) return;
    const damaged = await mkdtemp(join(cache, '.fetch-'));
    await bestEffort(rename(folder, damaged), 'another command may have moved it first');
    await rm(damaged, { recursive: true, force: true });
  }
}

function installFolder(cache: string, build: TemporalBuild): string {
  return join(cache, `temporal-${TEMPORAL_VERSION}-${build.platform}-${build.arch}`);
}

const execute = promisify(execFile);

/**
 * The version that a Temporal CLI prints of itself, e.g. `1.9.1`.
 *
 * @throws Error that says briefly why the file is not one.
 */
export async function temporalVersionOf(path: string, signal?: AbortSignal): Promise<string> {
  const output = await printedVersion(path, signal);
  const version = /temporal version v?(\d+\.\d+\.\d+\S*)/i.exec(output)?.[1];
  if (version === undefined) throw new Error(`${path} does not print a Temporal version`);
  return version;
}

async function printedVersion(path: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    const { stdout } = await execute(path, ['--version'], { timeout: 20_000, ...(signal ? { signal } : {}) });
    return stdout;
  } catch (error) {
    signal?.throwIfAborted();
    if (hasCode(error, 'ENOENT')) throw new Error(`there is no file ${path}`);
    if (hasCode(error, 'EACCES')) throw new Error(`${path} is not executable`);
    throw new Error(`${path} --version fails (${exitOf(error)})`);
  }
}

/** The exit status or the system's code; a process that was ended for its silence has none. */
function exitOf(error: unknown): string {
  return error instanceof Error && 'code' in error && error.code !== null ? String(error.code) : 'no answer';
}
