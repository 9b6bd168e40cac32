import type { Task } from '../../config/tasks.ts';
import type { FoldName } from '../nnunet/convert/model-folds.ts';
import type { EnsembleOptions } from '../nnunet/sliding-window/roi-job.ts';
import type { RoiSegmenter, SlideSegmenter } from '../nnunet/sliding-window/roi-segmenter.ts';
import type { SlideCellsProgress, SlideProgress } from '../slide/predict/slide-jobs.ts';
import type { StripRows } from '../slide/read/slide-tiles.ts';
import type { CellDetector, SlideDetector } from '../yolo/detect/cell-detector.ts';
import type { ClaimedModel } from './detection-plan.ts';
import type { PredictOptions } from './infer-once.ts';
import type { ImagePrediction, PredictionChoices } from './prediction.ts';

/** An image and the base name of its output files. */
export interface NamedImage {
  /** Absolute path. */
  readonly path: string;
  readonly name: string;
  /** Absolute paths of its channels in their order, if each is a grey file; `path` is the first. */
  readonly channels?: readonly string[];
  /** Whether it is a slide, which several workers may share. Set in runs only. */
  readonly slide?: true;
}

/** What is predicted, and how. All paths are absolute. */
export interface PredictionOrder {
  readonly task: Task;
  readonly model: string;
  readonly labels?: string;
  /** Only these folds of an nnU-Net folder. */
  readonly folds?: readonly FoldName[];
  /** Whether an nnU-Net v2 model also predicts mirrored copies of each tile. */
  readonly mirroring?: boolean;
  readonly out: string;
  readonly session: EnsembleOptions;
  readonly choices: PredictionChoices;
}

/** Engines that run the networks. The caller closes them. */
export interface PredictionEngines {
  readonly segmenter: RoiSegmenter & SlideSegmenter;
  readonly detector: CellDetector & SlideDetector;
}

/** The strips of a slide that were computed separately and are to be joined. */
export interface OfStrips {
  readonly strips?: readonly StripRows[];
}

type ImageOptions = PredictOptions<SlideProgress | SlideCellsProgress>;

/** Predicts images with one model. */
export interface ImagePredictor {
  readonly model: ClaimedModel;
  /** @throws What `predictTissue` and `predictCells` throw. */
  predict(image: NamedImage, options?: ImageOptions & OfStrips): Promise<ImagePrediction>;
  /**
   * Splits a slide into strips that several workers can compute at the same time.
   *
   * @returns Empty for an image, and for a slide that is small or already in the cache.
   */
  strips(image: NamedImage, options?: Pick<ImageOptions, 'signal'>): Promise<readonly StripRows[]>;
  /** Computes one strip and stores it in the cache for `predict`. */
  predictStrip(image: NamedImage, strip: StripRows, options?: ImageOptions): Promise<{ readonly cached: boolean }>;
}

export interface OpenPredictorOptions {
  readonly signal?: AbortSignal;
  /** Called after each fold that was converted to ONNX. */
  readonly onConverted?: (done: number, total: number) => void;
}
