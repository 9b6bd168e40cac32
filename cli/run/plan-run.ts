import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RecordServers } from '../../activities/acquire/record-servers.ts';
import type { RunInput } from '../../activities/inputs.ts';
import type { Task } from '../../config/tasks.ts';
import type { ResolvedRun } from '../../runtime/run/resolve-run.ts';
import { FileDigests } from '../../toolkit/cache/file-digests.ts';
import { Receipts } from '../../toolkit/cache/receipts.ts';
import { type CacheEntry, StepCache } from '../../toolkit/cache/step-cache.ts';
import { isArchive, type Kind, rootOfArchive } from '../../toolkit/dataset/layout.ts';
import { statIfThere } from '../../toolkit/files/file-access.ts';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { freeBytes } from '../../toolkit/files/suitable-file-system.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import type { KnownModel } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { partPath } from '../../toolkit/zenodo/download/part-file.ts';
import { findInMirror, KnownRecords, recordOfMirror } from '../../toolkit/zenodo/record/local-record.ts';
import type { RecordFile, ZenodoRecord } from '../../toolkit/zenodo/record/record.ts';
import { neededFiles } from '../../toolkit/zenodo/record/record-files.ts';
import { isDataComplete, type NoLook, type RecordLook } from './look-at-record.ts';
import { planRois, type RoiPlan } from './plan-rois.ts';

/** The assumed speed of a plan, and its source. */
interface Pace {
  /** Wall time of one tile in one network, s. */
  readonly secondsPerTile: number;
  /** `measured` in earlier runs of this state directory; `assumed`: full-size networks on two cores. */
  readonly basis: 'measured' | 'assumed';
}

/** Bytes per second of a typical connection to the archive. */
export const ASSUMED_RATE = 10e6;

export interface TaskPlan extends Pace {
  readonly task: Task;
  /** Missing until the list of ROIs is available. */
  readonly rois?: readonly RoiPlan[];
  readonly cached: number;
  readonly outstanding: number;
  /** Outstanding passes of a tile through a network; for `scope: annotated` an upper limit. */
  readonly tiles: number;
  /** Missing if an image is not on this machine. */
  readonly hours?: number;
  readonly isConverted: boolean;
  /** From the check of the record, until the list of ROIs is available. */
  readonly expected?: { readonly rois: number; readonly tiles: number; readonly hours: number };
}

/** What a run would do. */
export interface RunPlan {
  readonly run: string;
  readonly data: string;
  readonly results: string;
  /** Missing if the contents of the record are unknown. */
  readonly files?: readonly PlannedFile[];
  readonly bytes?: { readonly toFetch: number; readonly there: number };
  /** Of the data folder's disk; `free` is missing if the file system does not report it. */
  readonly disk: { readonly needed?: number; readonly free?: number };
  readonly hours: { readonly fetch?: number };
  readonly tasks: readonly TaskPlan[];
}

/**
 * Determines what a run would do, without starting it. Images that were never hashed are read; only their digests are
 * written.
 */
export async function planRun(
  { id, input }: ResolvedRun,
  home: HomeFolders,
  {
    fresh,
    look,
    signal,
  }: { readonly fresh: boolean; readonly look: RecordLook | NoLook; readonly signal: AbortSignal },
): Promise<RunPlan> {
  const files = await planFiles(input, home, signal);
  const { data, results } = input.folders;
  const made: CacheEntry[] = [];
  for await (const entry of new StepCache(home.cache).entries()) made.push(entry);
  const cache = new StepCache(home.cache, await generationOf(input));
  const services = { cache, digests: new FileDigests(home.digests), made, signal };
  const tasks: TaskPlan[] = [];
  for (const task of input.config.tasks) {
    const model = await taskNamed(task).planModel(input.config, data, home, signal);
    const rois = await planRois(task, input, model, services);
    const planned = fresh ? rois?.map(asOutstanding) : rois;
    const pace = paceOf(task, made, model);
    const expected = planned === undefined ? expectedWork(task, look, model, pace) : undefined;
    tasks.push({ ...taskPlan(task, planned, model.isConverted, pace), ...(expected && { expected }) });
  }
  const free = await freeBytes(data);
  const disk = free === undefined ? {} : { free };
  const plan = { run: id, data, results, tasks };
  if (files === undefined) return { ...plan, disk, hours: {} };
  const toFetch = sumOf(files, ({ toFetch: bytes }) => bytes);
  return {
    ...plan,
    files,
    bytes: { toFetch, there: sumOf(files, ({ size }) => size) - toFetch },
    disk: { needed: spaceNeeded(files, tasks), ...disk },
    hours: { fetch: toFetch / ASSUMED_RATE / 3_600 },
  };
}

/** Estimates the work of a task whose list of ROIs is still on the server, from their number and their average size. */
function expectedWork(
  task: Task,
  look: RecordLook | NoLook,
  model: KnownModel,
  { secondsPerTile }: Pace,
): TaskPlan['expected'] {
  const found = look.source === 'none' ? undefined : look.tasks.find((each) => each.task === task);
  if (found?.rois === undefined || found.images.length === 0) return undefined;
  const perImage = sumOf(found.images, (size) => taskNamed(task).passesOf(size, model)) / found.images.length;
  const tiles = Math.round(perImage * found.rois);
  return { rois: found.rois, tiles, hours: (tiles * secondsPerTile) / 3_600 };
}

function asOutstanding({ roi, tiles }: RoiPlan): RoiPlan {
  const reason = 'a fresh run does not use the cache';
  return { roi, state: 'outstanding', reason, ...(tiles === undefined ? {} : { tiles }) };
}

/** Returns the cache namespace of the run whose results are in the folder. */
async function generationOf({ digest, folders }: RunInput): Promise<string | undefined> {
  const summary = await RESULTS.summary.readIfValid(folders.results);
  return summary?.digest === digest ? summary.generation : undefined;
}

function taskPlan(task: Task, rois: readonly RoiPlan[] | undefined, isConverted: boolean, pace: Pace): TaskPlan {
  const open = (rois ?? []).filter(({ state }) => state === 'outstanding');
  const tiles = sumOf(open, (roi) => roi.tiles ?? 0);
  const isMeasured = rois !== undefined && open.every((roi) => roi.tiles !== undefined);
  return {
    task,
    ...pace,
    ...(rois === undefined ? {} : { rois }),
    cached: (rois?.length ?? 0) - open.length,
    outstanding: open.length,
    tiles,
    ...(isMeasured ? { hours: (tiles * pace.secondsPerTile) / 3_600 } : {}),
    isConverted,
  };
}

/** Size of the optimised copy of the paper's network, relative to its ONNX file. */
const LAID_OUT = 1.8;

/**
 * Returns the bytes for downloads, for their unpacked content (of the same size: images and weights are hardly
 * compressed), and for the networks as ONNX and as the larger copies optimised for this processor.
 */
function spaceNeeded(files: readonly PlannedFile[], tasks: readonly TaskPlan[]): number {
  const archives = files.filter(
    ({ key, state }) => key.endsWith('.zip') && state !== 'there' && state !== 'unverified',
  );
  const models = tasks.every(({ isConverted }) => isConverted)
    ? 0
    : sumOf(
        files.filter(({ folder }) => folder === 'models'),
        ({ size }) => size,
      );
  return sumOf(files, ({ toFetch }) => toFetch) + sumOf(archives, ({ size }) => size) + (1 + LAID_OUT) * models;
}

function sumOf<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}

/** A file of the record that the run needs. */
interface PlannedFile {
  readonly key: string;
  /** For an archive: the folder of its members. */
  readonly folder?: Kind;
  /** In bytes. */
  readonly size: number;
  /**
   * `there`: unpacked or in the data folder; `mirrored`: in the mirror; `partly`: partly downloaded; `missing`;
   * `unverified`: its folder contains files, which the run compares with the archive's directory.
   */
  readonly state: 'there' | 'mirrored' | 'partly' | 'missing' | 'unverified';
  /** Bytes still to be downloaded. */
  readonly toFetch: number;
}

/**
 * Lists the files of the record that a run needs, and which of them are present. Downloads nothing: the record's
 * contents are known from the mirror, from the served folder, or from an earlier answer of the API.
 *
 * @returns Undefined if the contents of the record are unknown.
 */
async function planFiles(
  input: RunInput,
  home: HomeFolders,
  signal: AbortSignal,
): Promise<readonly PlannedFile[] | undefined> {
  const isComplete = await isDataComplete(input);
  const { config, folders } = input;
  const record = await recordOf(config, home, signal);
  if (record === undefined) return undefined;
  const ownModels = config.tasks.filter((task) => config[task].model !== undefined);
  const receipts = new Receipts(home.receipts);
  return Promise.all(
    neededFiles(record, config.tasks, ownModels).map(async (file): Promise<PlannedFile> => {
      const folder = rootOfArchive(file);
      const planned = { key: file.key, size: file.size, ...(folder && { folder }) };
      const { size } = file;
      if ((await receipts.whole(folders.data, file)) !== undefined) return { ...planned, state: 'there', toFetch: 0 };
      const { mirror } = config.zenodo;
      if (mirror !== undefined && (await findInMirror(mirror, file, signal, () => undefined)) !== undefined) {
        return { ...planned, state: 'mirrored', toFetch: 0 };
      }
      const bytes = await bytesOf(file, folders.data);
      if (bytes === size) return { ...planned, state: 'there', toFetch: 0 };
      if (bytes === 0 && isComplete && (await holdsRootOf(file, folders.data))) {
        return { ...planned, state: 'unverified', toFetch: 0 };
      }
      return { ...planned, state: bytes > 0 ? 'partly' : 'missing', toFetch: Math.max(0, size - bytes) };
    }),
  );
}

async function recordOf(
  { record, zenodo }: RunInput['config'],
  home: HomeFolders,
  signal: AbortSignal,
): Promise<ZenodoRecord | undefined> {
  if (zenodo.serveFrom !== undefined) {
    const servers = new RecordServers(home);
    try {
      return await servers.record(zenodo, record, signal);
    } finally {
      await servers.close();
    }
  }
  const { mirror } = zenodo;
  const given = mirror === undefined ? undefined : await recordOfMirror(mirror, zenodo.api, record);
  return given ?? (await new KnownRecords(home.records, zenodo.api).recall(record));
}

async function holdsRootOf(file: RecordFile, data: string): Promise<boolean> {
  const root = rootOfArchive(file);
  return root !== undefined && (await readdir(join(data, root)).catch(() => [])).length > 0;
}

/** Returns the size of the complete file, in place or waiting to be unpacked; otherwise the bytes downloaded so far. */
async function bytesOf({ key, size }: RecordFile, data: string): Promise<number> {
  const path = join(isArchive(key) ? join(data, 'archives') : data, key);
  const whole = (await statIfThere(path))?.size;
  if (whole === size) return size;
  return (await statIfThere(partPath(path)))?.size ?? 0;
}

const Facts = z.object({ tiles: z.number(), seconds: z.number() });

/**
 * Computes the seconds per tile from cache entries; from those of the same model if there are any, since a small
 * network says nothing about a large one.
 *
 * @param of.folds - Number of networks that see each tile.
 */
function paceOf(
  task: Task,
  made: readonly CacheEntry[],
  { digest, folds }: { readonly digest?: string; readonly folds: number },
): Pace {
  const { inferenceStep, assumedSecondsPerTile } = taskNamed(task);
  const known = made
    .filter(({ parts }) => parts['step'] === inferenceStep && digest !== undefined && parts['model'] === digest)
    .flatMap(({ facts }) => Facts.safeParse(facts).data ?? []);
  const tiles = known.reduce((sum, fact) => sum + fact.tiles, 0) * folds;
  const seconds = known.reduce((sum, fact) => sum + fact.seconds, 0);
  if (tiles === 0 || seconds === 0) return { secondsPerTile: assumedSecondsPerTile, basis: 'assumed' };
  return { secondsPerTile: seconds / tiles, basis: 'measured' };
}
