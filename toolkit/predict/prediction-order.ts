import type { Task } from '../../config/tasks.ts';
import type { FoldName } from '../nnunet/convert/model-folds.ts';
import type { RoiSegmenter, SlideSegmenter } from '../nnunet/sliding-window/roi-segmenter.ts';
import type { SessionOptions } from '../onnx/session/session.ts';
import type { SlideCellsProgress } from '../slide/predict/slide-cells-job.ts';
import type { SlideProgress } from '../slide/predict/slide-job.ts';
import type { CellDetector, SlideDetector } from '../yolo/detect/cell-detector.ts';
import type { PredictOptions } from './infer-once.ts';
import type { ImagePrediction, PredictionChoices } from './prediction.ts';
import type { UsedModel } from './prediction-summary.ts';

/** An image and the name that its files get. */
export interface NamedImage {
  /** Absolute. */
  readonly path: string;
  readonly name: string;
}

/** What is predicted, and how. All paths are absolute. */
export interface PredictionOrder {
  readonly task: Task;
  readonly model: string;
  readonly labels?: string;
  /** Only these folds of an nnU-Net folder. */
  readonly folds?: readonly FoldName[];
  /** Whether tiles are predicted mirrored too, of an nnU-Net v2 model. */
  readonly mirroring?: boolean;
  readonly out: string;
  readonly session: SessionOptions;
  readonly choices: PredictionChoices;
}

/** What runs the networks; the caller that opened them closes them. */
export interface PredictionEngines {
  readonly segmenter: RoiSegmenter & SlideSegmenter;
  readonly detector: CellDetector & SlideDetector;
}

type ImageOptions = PredictOptions<SlideProgress | SlideCellsProgress>;

/** Predicts images with one model. */
export interface ImagePredictor {
  readonly model: UsedModel;
  /** @throws What `predictTissue` and `predictCells` throw. */
  predict(image: NamedImage, options?: ImageOptions): Promise<ImagePrediction>;
}

export interface OpenPredictorOptions {
  readonly signal?: AbortSignal;
  /** Called for every fold that was converted to ONNX. */
  readonly onConverted?: (done: number, total: number) => void;
}
