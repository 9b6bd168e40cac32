import { Context } from '@temporalio/activity';
import type { RunConfig } from '../../config/schema.ts';
import { FileDigests } from '../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { unlessMissing } from '../../toolkit/files/file-access.ts';
import { type HomeFolders, inside } from '../../toolkit/files/folders.ts';
import { type RunStorage, Scratch } from '../../toolkit/storage/run-storage.ts';
import type { TaskKind } from '../../toolkit/tasks/kind.ts';
import type { ListedRoi, NetworkSession, NetworkSetup, RoiSources, TaskWork } from '../../toolkit/tasks/work.ts';
import type { RunFolders } from '../inputs.ts';

/** What a worker keeps open between activities. */
export interface WorkerServices {
  readonly home: HomeFolders;
  readonly cache: StepCache;
  readonly digests: FileDigests;
  /** Where machines without a common folder share results; undefined where they share folders. */
  readonly storage?: RunStorage | undefined;
  /** Replacements for the folders of runs, on a worker that fetches files from the storage. */
  readonly scratch?: Scratch | undefined;
}

/**
 * Opens what a worker keeps between activities.
 *
 * @param scratchBytes - Size limit of fetched files, on a worker without the folders of its runs.
 */
export function servicesOf(home: HomeFolders, storage?: RunStorage, scratchBytes?: number): WorkerServices {
  const digests = new FileDigests(home.digests);
  const cache = new StepCache(home.cache, undefined, undefined, storage?.entries);
  const isElsewhere = storage !== undefined && scratchBytes !== undefined;
  const scratch = isElsewhere
    ? new Scratch({ home, maxBytes: scratchBytes, blobs: storage.blobs, digests })
    : undefined;
  return { home, cache, digests, storage, scratch };
}

/** Returns the context of an activity of a run; a fresh run finds no earlier results in its cache. */
export function workOf(
  { home, cache, digests, storage }: WorkerServices,
  { data, results, generation }: RunFolders,
  report: (progress: object) => void,
): TaskWork {
  const signal = Context.current().cancellationSignal;
  return { data, results, home, digests, storage, cache: cache.of(generation), signal, report };
}

/** Returns the options for opening a network. */
export function sessionOf({
  provider,
  threads,
  engine,
  precision,
  batchSize,
  deviceId,
}: RunConfig['inference']): NetworkSession {
  return {
    provider,
    ...(threads === 0 ? {} : { threads }),
    ...(deviceId === 0 ? {} : { device: deviceId }),
    ...(engine === 'exact' ? {} : { engine, precision }),
    // Of the fast engine, and of detectors on a GPU with either engine.
    ...(engine === 'exact' && batchSize === 0 ? {} : { batchSize }),
  };
}

/** Computes the digests of an ROI's files. @throws ReigniteError FILE_MISSING naming the first that does not exist. */
export async function sourcesOf(
  { image, truth }: ListedRoi,
  { data, digests, signal }: Pick<TaskWork, 'data' | 'digests' | 'signal'>,
): Promise<RoiSources> {
  return {
    image: await digests.sha256(inside(data, image), signal),
    truth: await digests.sha256(inside(data, truth), signal),
  };
}

/** The same; undefined if a file is missing, so that only the ROI's own activity fails, not the whole task. */
export async function sourcesIfThere(
  roi: ListedRoi,
  work: Pick<TaskWork, 'data' | 'digests' | 'signal'>,
): Promise<RoiSources | undefined> {
  return unlessMissing(sourcesOf(roi, work));
}

/** Finds the cached result of an ROI by its planned key; undefined if there is none. */
export async function findResult(
  kind: TaskKind,
  roi: ListedRoi & { readonly key?: string | undefined },
  sources: RoiSources,
  setup: NetworkSetup,
  { cache }: Pick<TaskWork, 'cache'>,
) {
  return cache.find(roi.key ?? cache.keyOf(kind.inferenceKey(roi, sources, setup)));
}
