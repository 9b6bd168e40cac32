import type { RunConfig } from '../../config/schema.ts';
import type { TaskSettings } from '../../config/task-config.ts';
import type { Task } from '../../config/tasks.ts';
import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { InferenceGuard, Made, MakeServices } from '../cache/make.ts';
import type { CacheEntry, KeyParts, StepCache } from '../cache/step-cache.ts';
import type { OverviewRow } from '../dataset/overview.ts';
import type { Evaluated, EvaluationInput, ScoredClasses } from '../evaluate/evaluation.ts';
import type { HomeFolders } from '../files/folders.ts';
import type { Engine, EnsembleOptions, ModelJob } from '../nnunet/sliding-window/roi-segmenter.ts';
import type { SessionOptions } from '../onnx/session/session.ts';
import type { ClaimedModel } from '../predict/detection-plan.ts';
import type {
  ImagePredictor,
  OpenPredictorOptions,
  PredictionEngines,
  PredictionOrder,
} from '../predict/prediction.ts';
import type { RecordTree } from '../preflight/check-files.ts';
import type { CheckedTask } from '../preflight/check-record.ts';
import type { DrawnRoi } from '../report/layers/layers-file.ts';
import type { SweepFile } from '../results/metrics-files.ts';
import type { ResampleEvidence } from '../verdict/uncertainty.ts';
import type { CellsVerdictFile, HeVerdictFile } from '../verdict/verdict-file.ts';
import type { MethodsInput, VerdictView, ViewerWords } from './verdict-view.ts';
import type { Box, ListedRoi, NetworkSetup, PlannedRoi, RoiSources, TaskWork } from './work.ts';

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

/** What is known about a task's model before it is prepared. */
export interface KnownModel {
  /** Missing if its files do not exist yet, or if it is known only after preparation. */
  readonly digest?: string;
  readonly isConverted: boolean;
  /** Height and width of a tile in px. */
  readonly patch: readonly [number, number];
  /** Number of networks that predict each tile. */
  readonly folds: number;
}

/** Scores below a heading. */
export interface ScoreGroup {
  readonly title: string;
  /** Text in place of a missing score. */
  readonly without: string;
  readonly scores: readonly { readonly name: string; readonly value: number | null }[];
}

/** Everything that depends on the kind of a task, behind one interface. */
export interface TaskKind {
  readonly name: Task;

  /**
   * Lists the test set.
   *
   * @throws ReigniteError FILE_MISSING when its list does not exist, another code when it is damaged.
   */
  listRois(data: string): Promise<readonly ListedRoi[]>;

  /** Checks what the task assumes about a record, from its small files and the first bytes of large ones. */
  checkRecord(tree: RecordTree, withModel: boolean): Promise<CheckedTask>;
  /** Returns the cache key parts of an ROI's result: everything that it depends on. */
  inferenceKey(roi: Pick<ListedRoi, 'box'>, sources: RoiSources, setup: NetworkSetup): KeyParts;
  /** Returns the cache key parts of the network's output. If that is cached, computing the result needs no network. */
  networkKey(sources: RoiSources, setup: NetworkSetup): KeyParts | undefined;
  /** Prepares the model, once per content. */
  prepareModel(options: PrepareModelOptions): Promise<PreparedModel>;
  /** Determines what the network runs on. */
  probe(engines: PredictionEngines, job: ModelJob, signal: AbortSignal): Promise<Engine>;
  /** Takes the result of an ROI from the cache, or computes it, resuming a killed attempt. */
  infer(job: InferenceJob, once: InferenceOnce, engines: PredictionEngines): Promise<Made>;
  /** Copies the files of a result to the results folder. */
  restore(cache: StepCache, entry: CacheEntry, results: string, roi: string): Promise<void>;

  /** Returns the cache key parts of an ROI's figure. */
  figureKey(roi: string, sources: RoiSources, entry: CacheEntry): KeyParts;
  figurePath(results: string, roi: string): string;
  /** Reads what the figures of all ROIs share and returns the function that draws them. */
  openDrawer(work: Pick<TaskWork, 'data' | 'cache'>): Promise<DrawRoi>;
  /** Computes metrics over the ROIs that have a prediction. */
  aggregate(
    rois: readonly PlannedRoi[],
    work: AggregatingWork,
    setup: Pick<NetworkSetup, 'settings'>,
  ): Promise<Aggregated>;
  /** Draws the figures over all ROIs from `metrics/<task>.json`. @returns Their paths. */
  drawFigures(metrics: unknown, outDir: string, signal: AbortSignal): Promise<readonly string[]>;
  compareWithPublished(input: ComparisonInput): Promise<Comparison>;
  /**
   * Returns the files of the data folder that `measure` reads in addition to images and ground truth: their actual
   * paths by their usual ones, relative to the folder.
   */
  measuredWith(data: string): Promise<ReadonlyMap<string, string>>;
  /** Runs inference again for measurements of the discrepancy report. */
  measure(input: MeasureInput, engines: PredictionEngines): Promise<Measured>;

  /** Cache step of the inference. */
  readonly inferenceStep: string;
  /** Wall time in s per tile and full-size network, on two x64 cores without AVX-512 (bench/README.md). */
  readonly assumedSecondsPerTile: number;
  /** Unit that the passes of the network are counted in: "tiles". */
  readonly passes: string;
  /** Whether the record's model is in the data folder. */
  isModelThere(data: string): Promise<boolean>;
  /** Identifies the task's model without converting it. */
  planModel(config: RunConfig, data: string, home: HomeFolders, signal: AbortSignal): Promise<KnownModel>;
  /** Returns the number of network passes for an image of this size in px; an upper bound for `scope: annotated`. */
  passesOf(image: { readonly width: number; readonly height: number }, model: KnownModel): number;

  /** Options of commands that apply to the task. */
  readonly takes: {
    /** Label values of masks. */
    readonly labels: boolean;
    /** Folds of a model. */
    readonly folds: boolean;
    /** Mirrored predictions that are averaged. */
    readonly mirroring: boolean;
    /** Settings of a detector: confidence threshold, IoU threshold, tile size. */
    readonly detection: boolean;
    /** How the classes of readers' points are determined. */
    readonly categories: boolean;
  };
  /** Scores predictions under the paper's protocol; writes metrics and figures. */
  evaluate(input: EvaluationInput): Promise<Evaluated>;
  /** Classes that can be scored separately; undefined if there is only one. */
  readonly scoredClasses: ScoredClasses | undefined;
  /** Name of the score: "Dice". */
  readonly scoreName: string;

  /** Schema of `verdict/<task>.json`. */
  readonly verdictFile: typeof HeVerdictFile | typeof CellsVerdictFile;
  /** Returns what a report shows of the verdict. */
  view(verdict: HeVerdictFile | CellsVerdictFile): VerdictView;
  /** Describes how the task was done, for the methods section of a paper. */
  methods(input: MethodsInput): string;
  /** Returns the scores of `metrics/<task>.json` that are shown at the end of a run. */
  scoreGroups(metrics: unknown): readonly ScoreGroup[];
  /** Returns what the metrics leave out, one sentence each. */
  readRemarks(results: string): Promise<readonly string[]>;
  readonly viewer: ViewerWords;
  /**
   * Returns the ROIs whose layers can be drawn for the viewer.
   *
   * @param maxDistance - Distance in px above which points of the same class differ, as in the verdict.
   */
  layers(
    folders: { readonly results: string; readonly data: string },
    maxDistance: number,
  ): Promise<readonly DrawnRoi[]>;

  /** Name of the table in a folder of predictions. */
  readonly predictionTable: string;
  /** Returns the files of an image, relative to the folder of its prediction. */
  predictionFiles(name: string): Readonly<Record<string, string>>;
  /** Prepares a model without opening it. */
  preparePredictor(order: PredictionOrder, home: HomeFolders, options?: OpenPredictorOptions): Promise<ClaimedModel>;
  /** Prepares a model and determines what it runs on. */
  openPredictor(
    order: PredictionOrder,
    home: HomeFolders,
    engines: PredictionEngines,
    options?: OpenPredictorOptions,
  ): Promise<ImagePredictor>;
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
