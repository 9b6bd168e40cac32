import { access, constants, lstat, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { unpackArchive } from '../toolkit/archive/unpack-archive.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { asDiskError, lstatIfThere, statIfThere } from '../toolkit/files/file-access.ts';
import { makeFolder } from '../toolkit/files/folders.ts';
import { lockFile } from '../toolkit/files/lease.ts';
import { readJsonIfValid } from '../toolkit/files/text-file.ts';
import { bindingFolder, gpuFolder, gpuLibraries } from '../toolkit/onnx/provider/cuda.ts';
import { downloadFile } from '../toolkit/zenodo/download/download-file.ts';
import { getJson } from '../toolkit/zenodo/http/http.ts';
import { findLibraries, GPU_WHEELS, type GpuWheel, pythonPackageFolders } from './gpu-libraries.ts';

/** PyPI's simple index (PEP 503 and 691). */
export const DEFAULT_INDEX = 'https://pypi.org/simple/';
const HEADERS = { accept: 'application/vnd.pypi.simple.v1+json' };
const STALL_MS = 30_000;

const Project = z.object({ files: z.array(z.object({ filename: z.string(), url: z.string() })) });
/** Per installed library: SHA-256 of its wheel and its size, or the file that it links to. */
const Installed = z.record(
  z.string(),
  z.union([z.object({ wheel: z.string(), bytes: z.number() }), z.object({ link: z.string() })]),
);
type Installed = z.infer<typeof Installed>;

export interface GpuInstallOptions {
  /** Folder in the user's cache. */
  readonly folder?: string;
  /** Folder of the ONNX Runtime binding, where the links to the provider are made. */
  readonly binding?: string;
  /** Address of a package index. */
  readonly index?: string;
  readonly wheels?: readonly GpuWheel[];
  /** Package folders of Python to search for NVIDIA's libraries. Default: those of `python3`. */
  readonly packageFolders?: readonly string[];
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (line: string) => void;
  readonly onProgress?: (file: string, bytes: number, size: number) => void;
}

/** How the libraries of one wheel are installed. */
export interface PlannedWheel {
  readonly wheel: GpuWheel;
  readonly how: 'installed' | 'linked' | 'downloaded';
  /** Paths of the libraries to link, by name. */
  readonly from?: ReadonlyMap<string, string>;
}

/** What an installation would do. */
export interface GpuInstallPlan {
  readonly folder: string;
  readonly wheels: readonly PlannedWheel[];
  /** Bytes to download. */
  readonly downloadBytes: number;
  /** Bytes that the installation keeps on disk. */
  readonly diskBytes: number;
}

/**
 * Determines what is installed, what an installed PyTorch provides, and what must be downloaded; changes nothing.
 *
 * @throws ReigniteError USAGE for an index that is not a URL.
 */
export async function planGpuInstall(options: GpuInstallOptions = {}): Promise<GpuInstallPlan> {
  const { folder = gpuFolder(), wheels = GPU_WHEELS, index = DEFAULT_INDEX } = options;
  addressIn(index, '');
  const roots = options.packageFolders ?? pythonPackageFolders();
  const record = await readRecord(folder);
  const planned: PlannedWheel[] = [];
  for (const wheel of wheels) planned.push(await planWheel(wheel, folder, record, roots));
  const missing = planned.filter(({ how }) => how === 'downloaded').map(({ wheel }) => wheel);
  return {
    folder,
    wheels: planned,
    downloadBytes: sumOf(missing.map(({ bytes }) => bytes)),
    diskBytes: sumOf(missing.map(({ unpackedBytes }) => unpackedBytes)),
  };
}

async function planWheel(
  wheel: GpuWheel,
  folder: string,
  record: Installed,
  roots: readonly string[],
): Promise<PlannedWheel> {
  if (await isInstalled(wheel, folder, record)) return { wheel, how: 'installed' };
  const from = wheel.kind === 'lib' ? await findLibraries(wheel.libraries, roots) : undefined;
  return from === undefined ? { wheel, how: 'downloaded' } : { wheel, how: 'linked', from };
}

async function isInstalled(wheel: GpuWheel, folder: string, record: Installed): Promise<boolean> {
  for (const name of wheel.libraries) {
    if (!(await isAsRecorded(record[name], wheel, placeOf(wheel, name, folder)))) return false;
  }
  return true;
}

async function isAsRecorded(known: Installed[string] | undefined, wheel: GpuWheel, place: string): Promise<boolean> {
  if (known === undefined) return false;
  if ('link' in known) return (await linkTargetOf(place)) === known.link && (await statIfThere(place)) !== undefined;
  const found = await lstatIfThere(place);
  return known.wheel === wheel.sha256 && found?.isFile() === true && found.size === known.bytes;
}

/**
 * Carries out a plan: downloads wheels (resuming interrupted downloads), extracts their libraries, links those of an
 * installed PyTorch, and links the provider into the folder where ONNX Runtime looks for it.
 *
 * @throws ReigniteError FILE_LOCKED while another process installs; NETWORK, CHECKSUM_MISMATCH when a wheel is not the
 *   pinned one; NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function installGpu(plan: GpuInstallPlan, options: GpuInstallOptions = {}): Promise<void> {
  const { folder } = plan;
  for (const place of [folder, gpuLibraries(folder), providerFolder(folder)]) await makeFolder(place, { mode: 0o700 });
  const lock = await lockFile(join(folder, 'install.lock'), `The folder ${folder}`, {
    held: { remedy: 'Wait for the other command, then run this one again.' },
  });
  try {
    const signal = options.signal === undefined ? lock.lost : AbortSignal.any([options.signal, lock.lost]);
    await installLocked(plan, { ...options, signal });
  } finally {
    await lock.release();
  }
}

async function installLocked(plan: GpuInstallPlan, options: GpuInstallOptions): Promise<void> {
  const { folder, wheels } = plan;
  for (const planned of wheels) {
    // The process that held the lock before may have installed it.
    if (await isInstalled(planned.wheel, folder, await readRecord(folder))) continue;
    if (planned.how === 'linked') await linkLibraries(planned, folder);
    else await downloadLibraries(planned.wheel, folder, options);
    await recordWheel(planned.wheel, folder);
  }
  await rm(downloadsFolder(folder), { recursive: true, force: true });
  await linkProvider(
    folder,
    options.binding,
    wheels.map(({ wheel }) => wheel),
  );
}

async function linkLibraries({ wheel, from }: PlannedWheel, folder: string): Promise<void> {
  for (const name of wheel.libraries) {
    const target = from?.get(name);
    if (target === undefined) continue;
    const place = placeOf(wheel, name, folder);
    // A file from an earlier wheel: only this command writes to this folder.
    if ((await lstatIfThere(place))?.isFile() === true) await rm(place, { force: true });
    await linkTo(target, place);
  }
}

async function downloadLibraries(
  wheel: GpuWheel,
  folder: string,
  { index = DEFAULT_INDEX, signal, onStep, onProgress }: GpuInstallOptions,
): Promise<void> {
  const downloads = downloadsFolder(folder);
  await makeFolder(downloads);
  onStep?.(`Downloading ${wheel.file} (${Math.round(wheel.bytes / 1e6)} MB) ...`);
  const path = join(downloads, wheel.file);
  const { sha256 } = await downloadFile({
    url: await addressOf(wheel, index, signal),
    path,
    size: wheel.bytes,
    md5: wheel.md5,
    extraSpace: wheel.unpackedBytes,
    signal,
    onProgress: (bytes, size) => onProgress?.(wheel.file, bytes, size),
  });
  if (sha256 !== wheel.sha256) {
    await rm(path, { force: true });
    throw new ReigniteError(
      'CHECKSUM_MISMATCH',
      `${wheel.file} has SHA-256 ${sha256}, expected ${wheel.sha256}. It was deleted, and nothing was installed from it.`,
      { remedy: 'Try again later. If it happens again, report it to the publisher of the file.' },
    );
  }
  const unpacked = join(downloads, `${wheel.project}.unpacked`);
  const select = (member: string) => wheel.libraries.includes(basename(member));
  const { files } = await unpackArchive({ archive: path, target: downloads, root: basename(unpacked), select, signal });
  for (const name of wheel.libraries) {
    const file = files.find((each) => basename(each.path) === name);
    if (file === undefined) throw new ReigniteError('ARCHIVE_CORRUPT', `${wheel.file} does not contain ${name}.`);
    await rename(join(downloads, file.path), placeOf(wheel, name, folder));
  }
  await rm(unpacked, { recursive: true, force: true });
  await rm(path, { force: true });
}

async function addressOf(wheel: GpuWheel, index: string, signal: AbortSignal | undefined): Promise<string> {
  const project = addressIn(index, `${wheel.project}/`);
  const answer = await asNetwork(getJson(project, { stallMs: STALL_MS, signal, headers: HEADERS }));
  const parsed = Project.safeParse(answer);
  if (!parsed.success) {
    throw new ReigniteError('NETWORK', `${project} does not answer as a package index (PEP 691).`, {
      remedy: 'With `--index`, give a simple index that answers in JSON, or leave the option out.',
      cause: parsed.error,
    });
  }
  const file = parsed.data.files.find(({ filename }) => filename === wheel.file);
  if (file === undefined)
    throw new ReigniteError('NETWORK', `${project} does not list ${wheel.file}.`, {
      remedy: 'Name an index that has this file with `--index`.',
    });
  if (!URL.canParse(file.url, project)) {
    throw new ReigniteError('NETWORK', `${project} gives an invalid address for ${wheel.file}: ${file.url}.`, {
      remedy: 'Name another index with `--index`.',
    });
  }
  return new URL(file.url, project).href;
}

/** @throws ReigniteError USAGE for an index that is not an HTTP URL. */
function addressIn(index: string, path: string): string {
  const base = index.endsWith('/') ? index : `${index}/`;
  if (/^https?:/i.test(base) && URL.canParse(path, base)) return new URL(path, base).href;
  throw new ReigniteError('USAGE', `The package index ${index} is not an HTTP or HTTPS address.`, {
    remedy: `Give the whole address as \`--index\`, such as ${DEFAULT_INDEX}.`,
  });
}

async function asNetwork<Result>(reply: Promise<Result>): Promise<Result> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof ReigniteError || !(error instanceof Error)) throw error;
    throw new ReigniteError('NETWORK', `The package index could not be read: ${error.message}.`, {
      cause: error,
      remedy: 'Check the connection and proxy settings, then run the same command again.',
    });
  }
}

async function recordWheel(wheel: GpuWheel, folder: string): Promise<void> {
  const record = await readRecord(folder);
  for (const name of wheel.libraries) {
    const place = placeOf(wheel, name, folder);
    const link = await linkTargetOf(place);
    const found = await statIfThere(place);
    if (link !== undefined) record[name] = { link };
    else if (found !== undefined) record[name] = { wheel: wheel.sha256, bytes: found.size };
  }
  await writeFileAtomic(join(folder, 'installed.json'), `${JSON.stringify(record, null, 1)}\n`);
}

async function readRecord(folder: string): Promise<Installed> {
  return (await readJsonIfValid(join(folder, 'installed.json'), Installed)) ?? {};
}

/**
 * Creates the links from the folder of ONNX Runtime's binding to the provider in the user's cache. A container image has
 * them from the start, since its file system is read-only when `gpu install` runs.
 *
 * @throws ReigniteError NOT_WRITABLE.
 */
export async function linkProvider(
  folder = gpuFolder(),
  binding = bindingFolder(),
  wheels: readonly GpuWheel[] = GPU_WHEELS,
): Promise<void> {
  for (const wheel of wheels.filter(({ kind }) => kind === 'provider')) {
    for (const name of wheel.libraries) await linkTo(placeOf(wheel, name, folder), join(binding, name));
  }
}

/** Creates a link. An existing file that is not a link was installed by other means and is left alone. */
async function linkTo(target: string, path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isSymbolicLink()) return;
  if (found !== undefined && (await readlink(path)) === target) return;
  try {
    await rm(path, { force: true });
    await symlink(target, path);
  } catch (error) {
    throw asDiskError(error, path);
  }
}

function linkTargetOf(path: string): Promise<string | undefined> {
  return readlink(path).catch(() => undefined);
}

/**
 * Returns the links in the folder of the binding that lead into the user's cache, for `reignite clean gpu`. Those of a
 * read-only container image cannot be deleted, and stay.
 *
 * @returns Paths.
 */
export async function providerLinks(folder = gpuFolder(), binding = bindingFolder()): Promise<readonly string[]> {
  const names = GPU_WHEELS.filter(({ kind }) => kind === 'provider').flatMap(({ libraries }) => libraries);
  const links: string[] = [];
  if (!(await isWritable(binding))) return links;
  for (const name of names) {
    const path = join(binding, name);
    const target = await linkTargetOf(path);
    if (target?.startsWith(providerFolder(folder)) === true) links.push(path);
  }
  return links;
}

function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function providerFolder(folder: string): string {
  return join(folder, 'provider');
}

function downloadsFolder(folder: string): string {
  return join(folder, 'downloads');
}

function placeOf({ kind }: GpuWheel, name: string, folder: string): string {
  return join(kind === 'lib' ? gpuLibraries(folder) : providerFolder(folder), name);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
