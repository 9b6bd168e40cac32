import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { ReigniteError } from '../toolkit/errors.ts';
import type { HomeFolders } from '../toolkit/files/folders.ts';
import type { RunStorage, Scratch } from '../toolkit/storage/run-storage.ts';
import type { RoiSources } from '../toolkit/tasks/work.ts';
import type { RunFolders, StageRef } from './inputs.ts';
import type { WorkerServices } from './task/work-of.ts';

/** A worker without the run's folders, and the source of their files. */
export interface Elsewhere {
  readonly storage: RunStorage;
  readonly scratch: Scratch;
  readonly home: HomeFolders;
}

/** Returns undefined on a worker that has the folders of its runs. */
export function elsewhere({
  storage,
  scratch,
  home,
}: Pick<WorkerServices, 'storage' | 'scratch' | 'home'>): Elsewhere | undefined {
  return storage === undefined || scratch === undefined ? undefined : { storage, scratch, home };
}

/** Fetches a model, unless it is already on this machine. */
export async function bringModel({ storage, home }: Elsewhere, digest: string, signal: AbortSignal): Promise<void> {
  await storage.models.fetch(digest, join(home.models, digest), signal);
}

/** Fetches the files of an ROI as they were planned. @returns The folders that replace the run's. */
export async function bringRoi(
  { scratch }: Elsewhere,
  roi: { readonly image: string; readonly truth: string; readonly sources?: RoiSources | undefined },
  folders: RunFolders,
  signal: AbortSignal,
): Promise<RunFolders> {
  const here = scratch.foldersOf(folders);
  const { image, truth, sources } = roi;
  if (sources !== undefined) {
    await scratch.fetch(here.data, { [image]: sources.image, [truth]: sources.truth }, signal);
  }
  return here;
}

/** Returns empty folders that replace the run's; files of the data folder are fetched when an activity requests them. */
export async function bringAsNeeded(
  { scratch, storage }: Elsewhere,
  stage: StageRef,
  folders: RunFolders,
  signal: AbortSignal,
): Promise<{ readonly folders: RunFolders; readonly need: (paths: readonly string[]) => Promise<void> }> {
  const here = scratch.foldersOf(folders);
  await rm(here.results, { recursive: true, force: true });
  const listed = (await storage.stages.readList(stage.folder, 'data', signal)) ?? {};
  const need = async (paths: readonly string[]) => {
    const wanted = paths.flatMap((path) => {
      const content = listed[path];
      return content === undefined ? [] : [[path, content.sha256] as const];
    });
    await scratch.fetch(here.data, Object.fromEntries(wanted), signal);
  };
  return { folders: here, need };
}

/**
 * Runs an activity with files from the storage. A worker that cannot get them hands the activity over to another one: a
 * machine with wrong credentials must not fail the ROIs of all.
 */
export async function orGiveBack<Result>(step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    const isOurs = error instanceof ReigniteError;
    if (!isOurs || !(error.code === 'STORAGE_MISSING' || error.code === 'STORAGE_REFUSED')) throw error;
    const context = Context.current();
    context.log.warn(error.message);
    await holdSlot(context);
    const retryable = !isLastHandOver(context);
    throw new ReigniteError(error.code, error.message, { cause: error, remedy: error.remedy, retryable });
  }
}

/** How long a worker that lacks files keeps its slot, in ms, so that other workers take the waiting activities. */
const HOLD_MS = 5_000;
/** After this many hand-overs, no worker is assumed to have the files. */
const LAST_ATTEMPT = 30;
/**
 * How long a worker that computes on another provider than the run keeps an ROI, in ms. While it does, it takes no
 * further one, and workers that can compute them find them in the queue.
 */
const HOLD_UNSUITABLE_MS = 30_000;
/** After this many attempts, about half an hour, no worker is assumed to have the provider of the run. */
export const LAST_SUITABLE_ATTEMPT = 60;
const GIVE_BACK_MS = 1_000;

/** Keeps the slot of an activity that is handed over to another worker, for less than its heartbeat timeout. */
export function holdSlot(context: Context): Promise<void> {
  return context.sleep(Math.min(HOLD_MS, (context.info.heartbeatTimeoutMs ?? HOLD_MS) / 2));
}

/** Returns whether an activity was handed over so often that no worker is assumed to have its files. */
export function isLastHandOver({ info }: Context): boolean {
  return info.attempt >= LAST_ATTEMPT;
}

/**
 * Runs a network, or hands the activity over: workers on one queue may have different processors and GPUs, and an ROI must
 * not fail because a worker took it that lacks what the run was planned for.
 *
 * @throws ReigniteError WORKER_UNSUITABLE, which is retryable, in place of PROVIDER_UNAVAILABLE; at the last attempt
 *   PROVIDER_UNAVAILABLE.
 */
export async function orToSuitableWorker<Result>(step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof ReigniteError) || error.code !== 'PROVIDER_UNAVAILABLE') throw error;
    const context = Context.current();
    if (context.info.attempt >= LAST_SUITABLE_ATTEMPT) throw error;
    context.log.warn(error.message);
    await context.sleep(HOLD_UNSUITABLE_MS);
    throw new ReigniteError('WORKER_UNSUITABLE', error.message, { cause: error, retryAfterMs: GIVE_BACK_MS });
  }
}
