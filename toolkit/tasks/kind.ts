import type { RunConfig } from '../../config/schema.ts';
import type { TaskSettings } from '../../config/task-config.ts';
import type { Task } from '../../config/tasks.ts';
import type { VerdictConfig } from '../../config/verdict-config.ts';
import type { Made, MakeServices } from '../cache/make.ts';
import type { InferenceGuard } from '../cache/make-inference.ts';
import type { CacheEntry, KeyParts, StepCache } from '../cache/step-cache.ts';
import type { OverviewRow } from '../dataset/overview.ts';
import type { ScoredClasses } from '../evaluate/class-names.ts';
import type { Evaluated, EvaluationInput } from '../evaluate/evaluation.ts';
import type { HomeFolders } from '../files/home-folders.ts';
import type { Engine, EnsembleOptions, ModelJob } from '../nnunet/sliding-window/roi-job.ts';
import type { SessionOptions } from '../onnx/session/session.ts';
import type {
  ImagePredictor,
  OpenPredictorOptions,
  PredictionEngines,
  PredictionOrder,
} from '../predict/prediction-order.ts';
import type { UsedModel } from '../predict/prediction-summary.ts';
import type { CheckedTask } from '../preflight/record-check.ts';
import type { RecordTree } from '../preflight/record-tree.ts';
import type { DrawnRoi } from '../report/layers/layers-file.ts';
import type { SweepFile } from '../sweep/sweep-file.ts';
import type { OnTurn } from '../threads/inference-thread.ts';
import type { ResampleEvidence } from '../verdict/uncertainty.ts';
import type { CellsVerdictFile, HeVerdictFile } from '../verdict/verdict-file.ts';
import type { MethodsInput, VerdictView, ViewerWords } from './verdict-view.ts';
import type { Box, ListedRoi, NetworkSetup, PlannedRoi, RoiSources, TaskWork } from './work.ts';

/** What an inference runs on. */
export interface NetworkSession extends Pick<EnsembleOptions, 'engine' | 'precision' | 'batchSize' | 'device'> {
  readonly provider: NonNullable<SessionOptions['provider']>;
  readonly threads?: number;
}

/** What making a task's model ready needs. */
export interface PrepareModelOptions {
  readonly settings: TaskSettings;
  /** Absolute data folder. */
  readonly data: string;
  /** Absolute folder of converted models. */
  readonly models: string;
  readonly signal: AbortSignal;
  readonly report: (progress: object) => void;
}

/** A model of a task, converted. */
export interface PreparedModel {
  readonly digest: string;
  readonly modelDir: string;
  /** What the history keeps of it. */
  readonly facts: object;
}

/** One ROI to infer; paths are absolute. */
export interface InferenceJob {
  readonly roi: string;
  readonly image: string;
  readonly truth: string;
  readonly box?: Box | undefined;
  readonly imageSha256: string;
  readonly modelDir: string;
  readonly session: NetworkSession;
  readonly settings: TaskSettings;
  readonly signal: AbortSignal;
  readonly report: (progress: object) => void;
  /** Called when the network comes to the ROI: others may be before it. */
  readonly onTurn?: OnTurn;
}

/** How the result of an ROI is made once. */
export interface InferenceOnce {
  /** What it depends on, see `inferenceKey`. */
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
  /** `metrics/<task>.sweep.json`; undefined where the task has no threshold, or what it needs is not kept. */
  readonly sweep?: SweepFile | undefined;
  /** What the history keeps of them. */
  readonly outcome: object;
}

/** What summing up works with. */
export type AggregatingWork = Pick<TaskWork, 'data' | 'cache' | 'digests' | 'signal'>;

/** An ROI of the plan; `failure` is the code of the error that prevented our prediction. */
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
  /** The draws and the counts that its intervals are made of. */
  readonly evidence: ResampleEvidence;
  /** Set where other settings, which were not tried yet, may explain why the predictions differ. */
  readonly isUndecided?: boolean;
}

/** What the discrepancy report measures by inferring again. */
export interface MeasureInput {
  /** The test set. */
  readonly listed: readonly ListedRoi[];
  /** Those of it that have a prediction. */
  readonly rois: readonly PlannedRoi[];
  readonly settings: TaskSettings;
  readonly session: NetworkSession;
  /** `discrepancies.full` of the configuration. */
  readonly isFull: boolean;
  readonly work: TaskWork;
}

/** Outcome: nothing was to be measured, it was, or it cannot be. */
export type Measured =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'measured'; readonly rois: number }
  | { readonly kind: 'not measured'; readonly reason: string };

/** Draws the figure of an ROI. Gives false where there is nothing to draw. */
export type DrawRoi = (roi: PlannedRoi, entry: CacheEntry, out: string) => Promise<boolean>;

/** A model of a task as far as it is known before it is prepared. */
export interface KnownModel {
  /** Missing where its files are not there yet, or where it is known only after preparation. */
  readonly digest?: string;
  readonly isConverted: boolean;
  /** Height and width of a tile in px. */
  readonly patch: readonly [number, number];
  /** Networks that see each tile. */
  readonly folds: number;
}

/** Scores below a heading. */
export interface ScoreGroup {
  readonly title: string;
  /** What is said where there is no number. */
  readonly without: string;
  readonly scores: readonly { readonly name: string; readonly value: number | null }[];
}

/** What is done with a task, the same questions for every one of its kind. */
export interface TaskKind {
  readonly name: Task;

  /** The test set. @throws ReigniteError FILE_MISSING when its list is not here; or it is damaged. */
  listRois(data: string): Promise<readonly ListedRoi[]>;

  /** Checks what the task assumes about a record, by its small files and the beginnings of large ones. */
  checkRecord(tree: RecordTree, withModel: boolean): Promise<CheckedTask>;
  /** What the result of an ROI depends on. */
  inferenceKey(roi: Pick<ListedRoi, 'box'>, sources: RoiSources, setup: NetworkSetup): KeyParts;
  /** What the network's part of it depends on: where that is kept, the result needs no network. */
  networkKey(sources: RoiSources, setup: NetworkSetup): KeyParts | undefined;
  /** Makes the model ready, once for every content. */
  prepareModel(options: PrepareModelOptions): Promise<PreparedModel>;
  /** Finds out what the network runs on. */
  probe(engines: PredictionEngines, job: ModelJob, signal: AbortSignal): Promise<Engine>;
  /** Takes the result of an ROI from the cache, or makes it; a killed attempt is resumed. */
  infer(job: InferenceJob, once: InferenceOnce, engines: PredictionEngines): Promise<Made>;
  /** Puts the files of a result where results are. */
  restore(cache: StepCache, entry: CacheEntry, results: string, roi: string): Promise<void>;

  /** What the figure of an ROI depends on. */
  figureKey(roi: string, sources: RoiSources, entry: CacheEntry): KeyParts;
  figurePath(results: string, roi: string): string;
  /** Reads what the figures of all ROIs share. */
  openDrawer(work: Pick<TaskWork, 'data' | 'cache'>): Promise<DrawRoi>;
  /** Metrics over the ROIs that have a prediction. */
  aggregate(
    rois: readonly PlannedRoi[],
    work: AggregatingWork,
    setup: Pick<NetworkSetup, 'settings'>,
  ): Promise<Aggregated>;
  /** Draws the figures over all ROIs from `metrics/<task>.json`. @returns Their paths. */
  drawFigures(metrics: unknown, outDir: string, signal: AbortSignal): Promise<readonly string[]>;
  compareWithPublished(input: ComparisonInput): Promise<Comparison>;
  /**
   * What `measure` reads of the data folder besides images and ground truth: usual paths, and under which paths the files are
   * there; relative to it.
   */
  measuredWith(data: string): Promise<ReadonlyMap<string, string>>;
  /** Infers again what the discrepancy report asks for. */
  measure(input: MeasureInput, engines: PredictionEngines): Promise<Measured>;

  /** Step of the cache under which inference is kept. */
  readonly inferenceStep: string;
  /** Wall time of one tile in one network of full size on two cores of x64 without AVX-512, in s (bench/README.md). */
  readonly assumedSecondsPerTile: number;
  /** What the network is run on, one after the other: "tiles". */
  readonly passes: string;
  /** Whether the record's model is in the data folder. */
  isModelThere(data: string): Promise<boolean>;
  /** Identifies the task's model without converting it. */
  planModel(config: RunConfig, data: string, home: HomeFolders, signal: AbortSignal): Promise<KnownModel>;
  /** How often a tile goes through a network for an image of this size in px; of `scope: annotated` at most. */
  passesOf(image: { readonly width: number; readonly height: number }, model: KnownModel): number;

  /** Options of commands that make sense for the task. */
  readonly takes: {
    /** Label values of masks. */
    readonly labels: boolean;
    /** Folds of a model. */
    readonly folds: boolean;
    /** Mirrored predictions that are averaged. */
    readonly mirroring: boolean;
    /** How a detector is run: confidence, overlaps, size of its input. */
    readonly detection: boolean;
    /** How the classes of readers' points are found out. */
    readonly categories: boolean;
  };
  /** Scores predictions under the paper's protocol; writes metrics and figures. */
  evaluate(input: EvaluationInput): Promise<Evaluated>;
  /** Classes that can be scored by themselves; undefined where there is only one. */
  readonly scoredClasses: ScoredClasses | undefined;
  /** Name of the score: "Dice". */
  readonly scoreName: string;

  /** Schema of `verdict/<task>.json`. */
  readonly verdictFile: typeof HeVerdictFile | typeof CellsVerdictFile;
  /** What a report shows of the verdict. */
  view(verdict: HeVerdictFile | CellsVerdictFile): VerdictView;
  /** How the task was done, for the methods section of a paper. */
  methods(input: MethodsInput): string;
  /** The scores of `metrics/<task>.json`, as the end of a run shows them. */
  scoreGroups(metrics: unknown): readonly ScoreGroup[];
  /** What the metrics leave out, one sentence each. */
  readRemarks(results: string): Promise<readonly string[]>;
  readonly viewer: ViewerWords;
  /**
   * The ROIs whose layers can be drawn for the viewer.
   *
   * @param maxDistance - Points of one class farther apart than this many px differ, as in the verdict.
   */
  layers(
    folders: { readonly results: string; readonly data: string },
    maxDistance: number,
  ): Promise<readonly DrawnRoi[]>;

  /** Name of the table of numbers in a folder of predictions. */
  readonly predictionTable: string;
  /** Files of an image below the folder of its prediction. */
  predictionFiles(name: string): Readonly<Record<string, string>>;
  /** Makes a model ready, and nothing else. */
  preparePredictor(order: PredictionOrder, home: HomeFolders, options?: OpenPredictorOptions): Promise<UsedModel>;
  /** Makes a model ready and finds out what it runs on. */
  openPredictor(
    order: PredictionOrder,
    home: HomeFolders,
    engines: PredictionEngines,
    options?: OpenPredictorOptions,
  ): Promise<ImagePredictor>;
}

/** A task that has ended, as the discrepancy report needs it. */
export interface DiscrepancyTask<Name extends Task> {
  readonly name: Name;
  /** Those that have a prediction. */
  readonly rois: readonly PlannedRoi[];
  readonly scope: TaskSettings['scope'];
  /** Outcome of the repeated inference. */
  readonly measured: Measured;
}
