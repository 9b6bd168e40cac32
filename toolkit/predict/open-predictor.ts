import type { CellTask, Task } from '../../config/tasks.ts';
import { StepCache } from '../cache/step-cache.ts';
import { HE_LABELS } from '../dataset/he-labels.ts';
import { readLabelMap } from '../dataset/label-map.ts';
import type { HomeFolders } from '../files/home-folders.ts';
import { cellClasses } from '../models/cell-classes.ts';
import { prepareCellModel } from '../models/cell-model.ts';
import { tissueClasses } from '../models/tissue-classes.ts';
import { prepareTissueModel } from '../models/tissue-model.ts';
import type { FoldName } from '../nnunet/model-folds.ts';
import type { RoiProgress, RoiSegmenter } from '../nnunet/roi-segmenter.ts';
import type { SessionOptions } from '../onnx/session.ts';
import type { CellDetector, DetectionProgress } from '../yolov5/cell-detector.ts';
import type { PredictOptions } from './infer-once.ts';
import { predictCells } from './predict-cells.ts';
import { predictTissue } from './predict-tissue.ts';
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
  readonly out: string;
  readonly session: SessionOptions;
  readonly choices: PredictionChoices;
}

/** What runs the networks; whoever made them closes them. */
export interface PredictionEngines {
  readonly segmenter: RoiSegmenter;
  readonly detector: CellDetector;
}

type ImageOptions = PredictOptions<RoiProgress | DetectionProgress>;

/** Predicts images with one model. */
export interface ImagePredictor {
  readonly model: UsedModel;
  /** @throws What `predictTissue` and `predictCells` throw. */
  predict(image: NamedImage, options?: ImageOptions): Promise<ImagePrediction>;
}

export interface OpenPredictorOptions {
  readonly signal?: AbortSignal;
  /** Is told of every fold that was converted to ONNX. */
  readonly onConverted?: (done: number, total: number) => void;
}

/**
 * Makes the model ready and finds out what it runs on.
 *
 * @throws ReigniteError of whatever the model or the labels lack.
 */
export async function openPredictor(
  order: PredictionOrder,
  home: HomeFolders,
  engines: PredictionEngines,
  options: OpenPredictorOptions = {},
): Promise<ImagePredictor> {
  return order.task === 'he'
    ? openTissue(order, home, engines, options)
    : openCells(order, order.task, home, engines, options);
}

async function openTissue(
  { model: path, labels, folds, out, session, choices }: PredictionOrder,
  home: HomeFolders,
  { segmenter }: PredictionEngines,
  { signal, onConverted }: OpenPredictorOptions,
): Promise<ImagePredictor> {
  const given = labels === undefined ? undefined : await readLabelMap(labels);
  const model = await prepareTissueModel(path, home.models, {
    folds,
    ...(signal && { signal }),
    onProgress: ({ step, done, total }) => {
      if (step === 'convert') onConverted?.(done, total);
    },
  });
  const engine = await segmenter.probe({ modelDir: model.modelDir, ...session }, signal && { signal });
  const names = given ?? model.labels;
  const classes = tissueClasses(model.classes, names);
  const notes = names === undefined ? [namesNote(model.classes)] : [];
  const services = { home, cache: new StepCache(home.cache) };
  return {
    model: { digest: model.digest, ...(model.folds.length > 0 && { folds: [...model.folds] }) },
    predict: ({ path: image, name }, stop) =>
      predictTissue({ image, name, out, model, classes, notes, engine, session, choices }, segmenter, services, stop),
  };
}

/** A segmentation model of nnU-Net v1 has no names of its own. */
function namesNote(classes: number): string {
  return classes === HE_LABELS.length
    ? "The model does not name its classes: the paper's names were taken; --labels gives others."
    : 'The model does not name its classes: they are numbered; --labels names them.';
}

async function openCells(
  { model: path, out, session, choices }: PredictionOrder,
  task: CellTask,
  home: HomeFolders,
  { detector }: PredictionEngines,
  { signal }: OpenPredictorOptions,
): Promise<ImagePredictor> {
  const model = await prepareCellModel(path, home.models, { ...(signal && { signal }) });
  const engine = await detector.probe({ modelDir: model.modelDir, ...session }, signal && { signal });
  const classes = cellClasses(model.classes);
  const services = { home, cache: new StepCache(home.cache) };
  return {
    model: { digest: model.digest },
    predict: ({ path: image, name }, stop) =>
      predictCells({ task, image, name, out, model, classes, engine, session, choices }, detector, services, stop),
  };
}
