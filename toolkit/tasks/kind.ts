import type { RunConfig } from '../../config/schema.ts';
import type { Task } from '../../config/tasks.ts';
import type { ScoredClasses } from '../evaluate/class-names.ts';
import type { Evaluated, EvaluationInput } from '../evaluate/evaluation.ts';
import type { HomeFolders } from '../files/home-folders.ts';
import type {
  ImagePredictor,
  OpenPredictorOptions,
  PredictionEngines,
  PredictionOrder,
} from '../predict/prediction-order.ts';
import type { UsedModel } from '../predict/prediction-summary.ts';
import type { CheckedTask } from '../preflight/record-check.ts';
import type { RecordTree } from '../preflight/record-tree.ts';

/** The annotated part of a detection image in px: left, top, right, bottom. */
export type Box = [number, number, number, number];

/** An ROI of a task's test set; paths are relative to the data folder. */
export interface ListedRoi {
  /** Stem of its files in `inference/`. */
  readonly roi: string;
  readonly image: string;
  /** The mask, or the annotations of all readers. */
  readonly truth: string;
  readonly box?: Box;
}

/** A model of a task as far as it is known before it is prepared. */
export interface KnownModel {
  /** Missing where its files are not there yet, or where only its preparation tells. */
  readonly digest?: string;
  readonly isConverted: boolean;
  /** Height and width of a tile in px. */
  readonly patch: readonly [number, number];
  /** Networks that see each tile. */
  readonly folds: number;
}

/** What is done with a task, the same questions for every one of its kind. */
export interface TaskKind {
  readonly name: Task;

  /** The test set. @throws ReigniteError FILE_MISSING when its list is not here; or it is damaged. */
  listRois(data: string): Promise<readonly ListedRoi[]>;

  /** Checks what the task assumes about a record, by its small files and the beginnings of large ones. */
  checkRecord(tree: RecordTree, withModel: boolean): Promise<CheckedTask>;

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
    /** How the classes of readers' points are found out. */
    readonly categories: boolean;
  };
  /** Scores predictions under the paper's protocol; writes metrics and figures. */
  evaluate(input: EvaluationInput): Promise<Evaluated>;
  /** Classes that can be scored by themselves; undefined where there is only one. */
  readonly scoredClasses: ScoredClasses | undefined;
  /** Name of the score: "Dice". */
  readonly scoreName: string;

  /** Name of the table of numbers in a folder of predictions. */
  readonly predictionTable: string;
  /** Files of an image below the folder of its prediction. */
  predictionFiles(name: string): Readonly<Record<string, string>>;
  /** Makes a model ready, and nothing else. */
  prepareModel(order: PredictionOrder, home: HomeFolders, options?: OpenPredictorOptions): Promise<UsedModel>;
  /** Makes a model ready and finds out what it runs on. */
  openPredictor(
    order: PredictionOrder,
    home: HomeFolders,
    engines: PredictionEngines,
    options?: OpenPredictorOptions,
  ): Promise<ImagePredictor>;
}
