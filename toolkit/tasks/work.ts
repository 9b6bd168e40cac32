import { join, sep } from 'node:path';
import { z } from 'zod';
import type { TaskSettings } from '../../config/task-config.ts';
import type { CacheKey, RoiStem, Sha256 } from '../brands.ts';
import type { FileDigests } from '../cache/file-digests.ts';
import type { CacheEntry, KeyParts, StepCache } from '../cache/step-cache.ts';
import { ReigniteError } from '../errors.ts';
import type { HomeFolders } from '../files/folders.ts';
import { type AdapterNames, adapterNames, type KeyedEngine, type SumsChoice } from '../onnx/session/engine-choice.ts';
import { Environment } from '../report/environment.ts';
import type { RunStorage } from '../storage/run-storage.ts';

/** The annotated part of a detection image in px: left, top, right, bottom. */
export type Box = [number, number, number, number];

/** An ROI of a task's test set; paths are relative to the data folder. */
export interface ListedRoi {
  /** Stem of its files in `inference/`. */
  readonly roi: RoiStem;
  readonly image: string;
  /** The mask, or the annotations of all readers. */
  readonly truth: string;
  readonly box?: Box | undefined;
}

/** Digests of the input files of an ROI. */
export interface RoiSources {
  readonly image: Sha256;
  readonly truth: Sha256;
}

/** An ROI in the plan of a task. */
export interface PlannedRoi extends ListedRoi {
  /** Cache key of its result; missing if one of its files is missing. */
  readonly key?: CacheKey | undefined;
}

/** A task's model and what it runs on. Part of every cache key, since another engine may round differently. */
export interface NetworkSetup {
  /** Digest of the converted model, the name of its folder under the state directory's models. */
  readonly model: { readonly digest: string };
  readonly engine: AdapterNames &
    Pick<SumsChoice, 'precision' | 'batchSize'> & {
      readonly provider: string;
      readonly ortVersion: string;
      readonly engine: string;
    };
  readonly settings: TaskSettings;
}

/** What a worker provides to the activities of a task. */
export interface TaskWork {
  /** Absolute data folder. */
  readonly data: string;
  /** Absolute results folder. */
  readonly results: string;
  readonly home: HomeFolders;
  /** The cache in the namespace of the run. */
  readonly cache: StepCache;
  readonly digests: FileDigests;
  /** Shared by machines without a common folder; undefined if they share folders. */
  readonly storage?: RunStorage | undefined;
  /** Fetches files of the data folder, if that is filled on demand. Paths are relative to it. */
  readonly need?: ((paths: readonly string[]) => Promise<void>) | undefined;
  readonly signal: AbortSignal;
  readonly report: (progress: object) => void;
}

/** Returns the parts of every cache key that identify a network and what it runs on. */
export function networkParts({
  model,
  engine: { provider, ortVersion, engine, precision = 'float32', batchSize, ...names },
}: NetworkSetup): KeyParts {
  const on = { provider, ...adapterNames(names), ortVersion, engine, precision };
  return { model: model.digest, ...on, ...(batchSize !== undefined && { batchSize }) };
}

/** Returns the engine with which a cache entry was computed. */
export function engineOf({ parts }: Pick<CacheEntry, 'parts'>): KeyedEngine {
  const { adapter, driver, batchSize } = parts;
  return {
    provider: String(parts['provider']),
    ortVersion: String(parts['ortVersion']),
    engine: String(parts['engine']),
    precision: String(parts['precision']),
    ...(batchSize !== undefined && { batchSize: Number(batchSize) }),
    ...(adapter !== undefined && { adapter: String(adapter) }),
    ...(driver !== undefined && { driver: String(driver) }),
  };
}

/**
 * Returns the cached result of a planned ROI.
 *
 * @throws ReigniteError FILE_MISSING when the cache lost it in the middle of a run.
 */
export async function entryOf(cache: StepCache, planned: PlannedRoi): Promise<CacheEntry> {
  return entryOr(planned, planned.key === undefined ? undefined : await cache.find(planned.key));
}

/**
 * Returns the same for an activity that needs only the facts of the entry, not its files.
 *
 * @throws ReigniteError FILE_MISSING when the cache lost it before this process read it.
 */
export async function recalledEntryOf(cache: StepCache, planned: PlannedRoi): Promise<CacheEntry> {
  return entryOr(planned, planned.key === undefined ? undefined : await cache.recall(planned.key));
}

function entryOr({ roi }: PlannedRoi, entry: CacheEntry | undefined): CacheEntry {
  if (entry !== undefined) return entry;
  throw new ReigniteError('FILE_MISSING', `The result of ROI ${roi} is no longer in the cache.`, {
    remedy: 'Run the same command again; the ROI is recomputed.',
  });
}

/** Facts in a cache entry about the inference of an ROI, for all tasks. */
export const InferenceFacts = z.object({
  width: z.number().int(),
  height: z.number().int(),
  provider: z.string(),
  fallbacks: z.array(z.string()),
  instructionSet: z.string(),
  tiles: z.number().int(),
  seconds: z.number(),
  notes: z.array(z.string()),
  machine: Environment.exactOptional(),
});

/** Rows of counts. The numbers are not checked here, since `ConfusionMatrix.fromRows` checks each of them. */
export const Rows = z.custom<number[][]>(
  (rows) => Array.isArray(rows) && rows.every(Array.isArray),
  'expected rows of counts',
);

/** Errors of a published prediction that do not end a run. */
const EXPECTED = new Set(['FILE_MISSING', 'SIZE_MISMATCH', 'IMAGE_UNREADABLE', 'NPY_INVALID']);

/** A published prediction, or why it cannot be read. */
type Published<Read> =
  | { readonly kind: 'read'; readonly read: Read }
  | { readonly kind: 'unreadable'; readonly reason: string };

/**
 * Reads a published prediction, or returns the reason why it cannot be read. Not for our own files: if one cannot be
 * read, the activity must fail.
 *
 * @param data - The data folder. It is removed from the reason, since reports are shared: files are named as in the
 * record.
 */
export async function publishedOr<Read>(data: string, read: () => Promise<Read>): Promise<Published<Read>> {
  try {
    return { kind: 'read', read: await read() };
  } catch (error) {
    if (error instanceof ReigniteError && EXPECTED.has(error.code)) {
      return { kind: 'unreadable', reason: error.message.replaceAll(join(data, sep), '') };
    }
    throw error;
  }
}
