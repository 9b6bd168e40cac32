import { join, sep } from 'node:path';
import { z } from 'zod';
import type { TaskSettings } from '../../config/task-config.ts';
import type { Task } from '../../config/tasks.ts';
import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { FileDigests, Sha256 } from '../cache/file-digests.ts';
import type { InferenceGuard, MakeServices } from '../cache/make.ts';
import type { CacheEntry, CacheKey, KeyParts, StepCache } from '../cache/step-cache.ts';
import type { CategoryRule } from '../dataset/category-classes.ts';
import type { RoiStem } from '../dataset/layout.ts';
import type { OverviewRow } from '../dataset/overview.ts';
import type { LabelTranslation } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import type { HomeFolders } from '../files/folders.ts';
import type { ClassSubset } from '../metrics/class-subset.ts';
import { FoldName } from '../nnunet/model-card.ts';
import type { EnsembleOptions } from '../nnunet/sliding-window/roi-segmenter.ts';
import { type AdapterNames, adapterNames, type KeyedEngine, type SumsChoice } from '../onnx/session/engine-choice.ts';
import type { SessionOptions } from '../onnx/session/session.ts';
import { Environment } from '../report/environment.ts';
import type { SweepFile } from '../results/results-folder.ts';
import type { RunStorage } from '../storage/run-storage.ts';
import type { EvaluationIntervals, ResampleEvidence } from '../verdict/uncertainty.ts';
import type { CellsVerdictFile, HeVerdictFile, Interval } from '../verdict/verdict-file.ts';

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

/** Engine, device and settings of an inference. */
export interface NetworkSession extends Pick<EnsembleOptions, 'engine' | 'precision' | 'batchSize' | 'device'> {
  readonly provider: NonNullable<SessionOptions['provider']>;
  readonly threads?: number;
}

/** Input of preparing a task's model. */
export interface PrepareModelOptions {
  readonly settings: TaskSettings;
  /** Absolute data folder. */
  readonly data: string;
  /** Absolute folder of converted models. */
  readonly models: string;
  readonly signal: AbortSignal;
  readonly report: (progress: object) => void;
}

/** A task's converted model. */
export interface PreparedModel {
  readonly digest: string;
  readonly modelDir: string;
  /** What the workflow history records of it. */
  readonly facts: object;
}

/** One ROI to infer; paths are absolute. */
export interface InferenceJob {
  readonly roi: string;
  readonly image: string;
  readonly truth: string;
  readonly box?: Box | undefined;
  readonly imageSha256: string;
  /** Image of the next ROI, which may be decoded during this one. */
  readonly following?: string | undefined;
  readonly modelDir: string;
  readonly session: NetworkSession;
  readonly settings: TaskSettings;
  readonly signal: AbortSignal;
  readonly report: (progress: object) => void;
}

/** What is needed to compute the result of an ROI, or to take it from the cache. */
export interface InferenceOnce {
  /** What the result depends on, see `inferenceKey`. */
  readonly parts: KeyParts;
  readonly setup: NetworkSetup;
  readonly guard: InferenceGuard;
  readonly services: MakeServices;
  /** Called when a network starts. */
  readonly onStart?: () => void;
}

/** Metrics over all ROIs. */
export interface Aggregated {
  /** `metrics/<task>.json`. */
  readonly metrics: unknown;
  /** `metrics/<task>.remarks.json`: what the scores leave out. */
  readonly remarks?: unknown;
  /** `metrics/<task>.sweep.json`; undefined if the task has no threshold, or the boxes are not cached. */
  readonly sweep?: SweepFile | undefined;
  /** What the workflow history records of them. */
  readonly outcome: object;
}

/** The part of a task's work that aggregation uses. */
export type AggregatingWork = Pick<TaskWork, 'data' | 'cache' | 'digests' | 'signal'>;

/** A planned ROI; `failure` is the code of the error that prevented our prediction. */
export interface RoiToCompare {
  readonly planned: PlannedRoi;
  readonly failure?: string | undefined;
}

export interface ComparisonInput {
  readonly rois: readonly RoiToCompare[];
  readonly overview: readonly OverviewRow[];
  readonly verdict: VerdictConfig;
  readonly settings: TaskSettings;
  readonly work: TaskWork;
}

export interface Comparison {
  readonly verdict: HeVerdictFile | CellsVerdictFile;
  /** The draws and counts from which its intervals are computed. */
  readonly evidence: ResampleEvidence;
  /** True if other settings, which were not tried yet, may explain why the predictions differ. */
  readonly isUndecided?: boolean;
}

/** Input of the measurements that run inference again for the discrepancy report. */
export interface MeasureInput {
  /** The test set. */
  readonly listed: readonly ListedRoi[];
  /** The ROIs of the test set that have a prediction. */
  readonly rois: readonly PlannedRoi[];
  readonly settings: TaskSettings;
  readonly session: NetworkSession;
  /** `discrepancies.full` of the configuration. */
  readonly isFull: boolean;
  readonly work: TaskWork;
}

/** Outcome of a measurement: there was nothing to measure, it was measured, or it could not be. */
export type Measured =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'measured'; readonly rois: number }
  | { readonly kind: 'not measured'; readonly reason: string };

/** Draws the figure of an ROI. Returns false if there is nothing to draw. */
export type DrawRoi = (roi: PlannedRoi, entry: CacheEntry, out: string) => Promise<boolean>;

/** A score of an evaluation, with what is shown next to it. */
export interface ScoreRow {
  readonly label: string;
  /** Null if it cannot be scored: a pair without images in common, or a class without ground truth. */
  readonly value: number | null;
  /** Meaning of a null value. */
  readonly without: 'absent' | 'no image in common';
  readonly interval?: Interval;
  /** The same score of the published predictions; missing if they are not compared. */
  readonly published?: number | null;
  /** The score if annotated pixels without a prediction count as missed; only for tissue. */
  readonly missed?: number | null;
}

/** Input of an evaluation. Folders are absolute. */
export interface EvaluationInput {
  /** Data folder with overview and annotations, and with images for the figures of single ROIs. */
  readonly data: string;
  /** Folder that directly contains the predictions. */
  readonly predictions: string;
  /** Folder in which metrics/ and figures/ are written. */
  readonly out: string;
  /** Label of the paper for every mask value, if the masks have other values. */
  readonly labels?: LabelTranslation;
  /** How categories of the readers' file get their class. Default: by ID, as in the authors' code. */
  readonly categories?: CategoryRule;
  /** The classes to score. Default: all. */
  readonly classes?: ClassSubset;
}

/** Outcome of an evaluation. */
export interface Evaluated {
  /** `metrics/<task>.json`. */
  readonly metrics: object;
  /** `metrics/<task>.intervals.json`: confidence intervals, what predictions leave out, and warnings. */
  readonly intervals: EvaluationIntervals;
  /** `metrics/<task>.classes.json`: scores of the requested classes. */
  readonly classes?: object;
  readonly images: number;
  /** The table on screen. */
  readonly rows: readonly ScoreRow[];
  /** What scores or figures leave out, one sentence each. */
  readonly remarks: readonly string[];
}

/** A finished task, as input of the discrepancy report. */
export interface DiscrepancyTask<Name extends Task> {
  readonly name: Name;
  /** ROIs that have a prediction. */
  readonly rois: readonly PlannedRoi[];
  readonly scope: TaskSettings['scope'];
  /** Outcome of the repeated inference. */
  readonly measured: Measured;
}

/** The parts of a model summary that a report uses. */
export const UsedModel = z.object({
  kind: z.string(),
  folds: z.array(FoldName).default([]),
  architecture: z
    .object({ mirrorAxes: z.array(z.number()).exactOptional().describe('Axes of mirroring of an nnU-Net model') })
    .exactOptional(),
  input: z.object({ shape: z.array(z.number()) }),
});
export type UsedModel = z.output<typeof UsedModel>;

/** Formats height and width of a tile; undefined without a summary. */
export function tileOf(model: UsedModel | undefined): string | undefined {
  const [, first, second, third] = model?.input.shape ?? [];
  const [height, width] = first === 3 ? [second, third] : [first, second];
  return height === undefined || width === undefined ? undefined : `${height} x ${width}`;
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
