import type { RunConfig } from '../../config/schema.ts';
import type { TaskSettings } from '../../config/task-config.ts';
import type { Made } from '../cache/make.ts';
import type { CacheEntry, KeyParts, StepCache } from '../cache/step-cache.ts';
import type { AccessibleFigure } from '../figures/report-figures.ts';
import type { HomeFolders } from '../files/folders.ts';
import type { ScoredClasses } from '../metrics/class-subset.ts';
import type { ModelJob } from '../nnunet/sliding-window/roi-segmenter.ts';
import type { Engine } from '../onnx/session/engine-choice.ts';
import type {
  ClaimedModel,
  ImagePredictor,
  OpenPredictorOptions,
  PredictionEngines,
  PredictionOrder,
} from '../predict/prediction.ts';
import type { CheckableTask } from '../preflight/check-record.ts';
import type { DrawnRoi } from '../report/layers/draw-layers.ts';
import type { CellsVerdictFile, ComparedMetric, HeVerdictFile } from '../verdict/verdict-file.ts';
import type {
  Aggregated,
  AggregatingWork,
  Comparison,
  ComparisonInput,
  DrawRoi,
  Evaluated,
  EvaluationInput,
  InferenceJob,
  InferenceOnce,
  ListedRoi,
  Measured,
  MeasureInput,
  NetworkSetup,
  PlannedRoi,
  PreparedModel,
  PrepareModelOptions,
  RoiSources,
  TaskWork,
  UsedModel,
} from './work.ts';

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

/** A table of plain text, collapsed below a heading. */
export interface DetailTable {
  readonly summary: string;
  readonly introduction?: string;
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a report shows of a verdict, for either kind of task. */
export interface VerdictView {
  /** Published scores with ours. */
  readonly numbers: readonly { readonly caption: string; readonly metrics: readonly ComparedMetric[] }[];
  /** Context for the scores, one sentence each. */
  readonly notes: readonly string[];
  /** The same predictions evaluated in another way. */
  readonly otherReadings: readonly DetailTable[];
  /** For research only. */
  readonly researchScores: readonly DetailTable[];
  /** Figures over all ROIs from `metrics/<task>.json`, readable without colour. */
  accessibleFigures(metrics: unknown): Promise<readonly AccessibleFigure[]>;
}

/** How the viewer of the report shows the ROIs of a task. */
export interface ViewerWords {
  /** Names and colours of the labels, or of the classes of cells. */
  readonly labels: readonly { readonly name: string; readonly colour: string }[];
  /** Names of the layers; empty for a layer that the task does not have. */
  readonly layers: Readonly<Record<'image' | 'truth' | 'published' | 'ours' | 'confidence' | 'differ', string>>;
  /** Whether predictions are masks, which may be made transparent. */
  readonly isMask: boolean;
  /** Whether amounts are shares of pixels; otherwise they are numbers of points. */
  readonly isShare: boolean;
  /** Heading of the ground truth's column. */
  readonly truth: string;
  /** What is counted where the two predictions differ, in singular and plural. */
  readonly differing: readonly [string, string];
  /** Whether single ROIs have a score by which the gallery can be sorted. */
  readonly isScored: boolean;
  /** Unit of the share that differs: "pixels", "points". */
  readonly unit: string;
}

/** Input of a task's paragraph in the methods of a run. */
export interface MethodsInput {
  readonly settings: Partial<TaskSettings>;
  /** The model summary; undefined if there is none. */
  readonly model: UsedModel | undefined;
  /** The regions that were scored, such as "all 5 test regions". */
  readonly regions: string;
}

/** Everything that depends on the kind of a task, behind one interface. */
export interface TaskKind extends CheckableTask {
  /**
   * Lists the test set.
   *
   * @throws ReigniteError FILE_MISSING when its list does not exist, another code when it is damaged.
   */
  listRois(data: string): Promise<readonly ListedRoi[]>;

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
