import { lstat, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { unpackArchive } from '../../toolkit/archive/unpack-archive.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { asDiskError } from '../../toolkit/files/disk-error.ts';
import { statIfThere } from '../../toolkit/files/if-there.ts';
import { readJsonIfValid } from '../../toolkit/files/json-file.ts';
import { makeFolder } from '../../toolkit/files/make-folder.ts';
import { bindingFolder, gpuFolder, gpuLibraries } from '../../toolkit/onnx/provider/cuda-files.ts';
import { downloadFile } from '../../toolkit/zenodo/download/download-file.ts';
import { getJson } from '../server/binary/download.ts';
import { findLibraries, pythonPackageFolders } from './existing-libraries.ts';
import { GPU_WHEELS, type GpuWheel } from './wheels.ts';

/** PyPI's simple index (PEP 503 and 691). */
export const DEFAULT_INDEX = 'https://pypi.org/simple/';
const HEADERS = { accept: 'application/vnd.pypi.simple.v1+json' };
const STALL_MS = 30_000;

const Project = z.object({ files: z.array(z.object({ filename: z.string(), url: z.string() })) });
/** SHA-256 of the wheel that each installed library comes from, and its size. */
const Installed = z.record(z.string(), z.object({ wheel: z.string(), bytes: z.number() }));
type Installed = z.infer<typeof Installed>;

export interface GpuInstallOptions {
  /** Folder in the user's cache. */
  readonly folder?: string;
  /** Folder of the ONNX Runtime binding, which links to the provider. */
  readonly binding?: string;
  /** Address of a package index. */
  readonly index?: string;
  readonly wheels?: readonly GpuWheel[];
  /** Folders of Python packages in which NVIDIA's libraries are looked for. Default: those of `python3`. */
  readonly packageFolders?: readonly string[];
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (line: string) => void;
  readonly onProgress?: (file: string, bytes: number, size: number) => void;
}

/** How one wheel's libraries come to this machine. */
export interface PlannedWheel {
  readonly wheel: GpuWheel;
  readonly how: 'installed' | 'linked' | 'downloaded';
  /** Where the libraries are that are linked, by name. */
  readonly from?: ReadonlyMap<string, string>;
}

/** What an installation would do. */
export interface GpuInstallPlan {
  readonly folder: string;
  readonly wheels: readonly PlannedWheel[];
  /** Bytes to download. */
  readonly downloadBytes: number;
  /** Bytes that stay on disk in addition. */
  readonly diskBytes: number;
}

/** Finds out what is installed, what an installed PyTorch has, and what must be downloaded; changes nothing. */
export async function planGpuInstall(options: GpuInstallOptions = {}): Promise<GpuInstallPlan> {
  const { folder = gpuFolder(), wheels = GPU_WHEELS } = options;
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
    const known = record[name];
    const found = await statIfThere(placeOf(wheel, name, folder));
    if (known?.wheel !== wheel.sha256 || found?.size !== known.bytes) return false;
  }
  return true;
}

/**
 * Carries out a plan: downloads wheels (resuming interrupted downloads), extracts their libraries, links those that an
 * installed PyTorch has, and links the provider into the folder where ONNX Runtime looks for it.
 *
 * @throws ReigniteError NETWORK, CHECKSUM_MISMATCH when a wheel is not the pinned one; NO_SPACE, NOT_WRITABLE; the
 *   signal's reason.
 */
export async function installGpu(plan: GpuInstallPlan, options: GpuInstallOptions = {}): Promise<void> {
  const { folder } = plan;
  for (const place of [folder, gpuLibraries(folder), providerFolder(folder)]) await makeFolder(place, { mode: 0o700 });
  for (const planned of plan.wheels) {
    if (planned.how === 'linked') await linkLibraries(planned, folder);
    if (planned.how === 'downloaded') await downloadLibraries(planned.wheel, folder, options);
    if (planned.how !== 'installed') await recordWheel(planned.wheel, folder);
  }
  await rm(downloadsFolder(folder), { recursive: true, force: true });
  await linkProvider(plan, options.binding ?? bindingFolder());
}

async function linkLibraries({ wheel, from }: PlannedWheel, folder: string): Promise<void> {
  for (const name of wheel.libraries) {
    const target = from?.get(name);
    if (target !== undefined) await linkTo(target, placeOf(wheel, name, folder));
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
      `${wheel.file} has SHA-256 ${sha256}, expected ${wheel.sha256}. Nothing was installed from it.`,
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
  const project = new URL(`${wheel.project}/`, index.endsWith('/') ? index : `${index}/`).href;
  const { files } = Project.parse(await asNetwork(getJson(project, { stallMs: STALL_MS, signal, headers: HEADERS })));
  const file = files.find(({ filename }) => filename === wheel.file);
  if (file !== undefined) return new URL(file.url, project).href;
  throw new ReigniteError('NETWORK', `${project} does not list ${wheel.file}.`);
}

async function asNetwork<Result>(reply: Promise<Result>): Promise<Result> {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof ReigniteError || !(error instanceof Error)) throw error;
    throw new ReigniteError('NETWORK', `The package index could not be read: ${error.message}.`, { cause: error });
  }
}

async function recordWheel(wheel: GpuWheel, folder: string): Promise<void> {
  const record = await readRecord(folder);
  for (const name of wheel.libraries) {
    const found = await statIfThere(placeOf(wheel, name, folder));
    if (found !== undefined) record[name] = { wheel: wheel.sha256, bytes: found.size };
  }
  await writeFileAtomic(join(folder, 'installed.json'), `${JSON.stringify(record, null, 1)}\n`);
}

async function readRecord(folder: string): Promise<Installed> {
  return (await readJsonIfValid(join(folder, 'installed.json'), Installed)) ?? {};
}

async function linkProvider({ folder, wheels }: GpuInstallPlan, binding: string): Promise<void> {
  for (const { wheel } of wheels.filter((each) => each.wheel.kind === 'provider')) {
    for (const name of wheel.libraries) await linkTo(placeOf(wheel, name, folder), join(binding, name));
  }
}

/** A file that is there and no link was put there by another way of installing; it is left alone. */
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

/**
 * Links in the folder of the binding that lead into the user's cache, for `reignite clean gpu`.
 *
 * @returns Paths.
 */
export async function providerLinks(folder = gpuFolder(), binding = bindingFolder()): Promise<readonly string[]> {
  const names = GPU_WHEELS.filter(({ kind }) => kind === 'provider').flatMap(({ libraries }) => libraries);
  const links: string[] = [];
  for (const name of names) {
    const path = join(binding, name);
    const target = await readlink(path).catch(() => undefined);
    if (target?.startsWith(providerFolder(folder)) === true) links.push(path);
  }
  return links;
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
