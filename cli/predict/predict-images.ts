import type { CellTask, Task } from '../../config/tasks.ts';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { readLabelMap } from '../../toolkit/dataset/label-map.ts';
import type { HomeFolders } from '../../toolkit/files/home-folders.ts';
import { cellClasses } from '../../toolkit/models/cell-classes.ts';
import { prepareCellModel } from '../../toolkit/models/cell-model.ts';
import { tissueClasses } from '../../toolkit/models/tissue-classes.ts';
import { prepareTissueModel } from '../../toolkit/models/tissue-model.ts';
import { createRoiSegmenter } from '../../toolkit/nnunet/roi-segmenter.ts';
import type { SessionOptions } from '../../toolkit/onnx/session.ts';
import { predictCells } from '../../toolkit/predict/predict-cells.ts';
import { predictTissue } from '../../toolkit/predict/predict-tissue.ts';
import type { ImagePrediction, PredictionChoices } from '../../toolkit/predict/prediction.ts';
import { createCellDetector } from '../../toolkit/yolov5/cell-detector.ts';
import type { NamedImage } from './image-names.ts';
import type { PredictionProgress } from './progress.ts';

/** What a command predicts. All paths are absolute. */
export interface PredictionOrder {
  readonly task: Task;
  readonly model: string;
  readonly labels?: string;
  readonly out: string;
  readonly session: SessionOptions;
  readonly choices: PredictionChoices;
}

/** Predicts one image after the other, each as soon as the one before is written. */
export interface ImagePredictor {
  readonly digest: string;
  predict(image: NamedImage, signal: AbortSignal): Promise<ImagePrediction>;
  close(): Promise<void>;
}

/** Makes the model ready and finds out what it runs on. */
export async function openPredictor(
  order: PredictionOrder,
  home: HomeFolders,
  progress: PredictionProgress,
  signal: AbortSignal,
): Promise<ImagePredictor> {
  return order.task === 'he'
    ? openTissue(order, home, progress, signal)
    : openCells(order, order.task, home, progress, signal);
}

async function openTissue(
  { model: path, labels, out, session, choices }: PredictionOrder,
  home: HomeFolders,
  progress: PredictionProgress,
  signal: AbortSignal,
): Promise<ImagePredictor> {
  const given = labels === undefined ? undefined : await readLabelMap(labels);
  const model = await prepareTissueModel(path, home.models, {
    signal,
    onProgress: ({ step, done, total }) => {
      if (step === 'convert') progress.say(`fold ${done} of ${total} converted to ONNX`);
    },
  });
  const segmenter = createRoiSegmenter(session);
  const engine = await segmenter.probe({ modelDir: model.modelDir }, { signal });
  const classes = tissueClasses(model.classes, given ?? model.labels);
  const cache = new StepCache(home.cache);
  return {
    digest: model.digest,
    predict: ({ path: image, name }, stop) =>
      predictTissue(
        { image, name, out, model, classes, engine, session, choices },
        segmenter,
        { home, cache },
        {
          signal: stop,
          onProgress: (step) => progress.step(step, 'he'),
        },
      ),
    close: () => segmenter.close(),
  };
}

async function openCells(
  { model: path, out, session, choices }: PredictionOrder,
  task: CellTask,
  home: HomeFolders,
  progress: PredictionProgress,
  signal: AbortSignal,
): Promise<ImagePredictor> {
  const model = await prepareCellModel(path, home.models, { signal });
  const detector = createCellDetector(session);
  const engine = await detector.probe({ modelDir: model.modelDir }, { signal });
  const classes = cellClasses(task, model.classes);
  const cache = new StepCache(home.cache);
  return {
    digest: model.digest,
    predict: ({ path: image, name }, stop) =>
      predictCells(
        { task, image, name, out, model, classes, engine, session, choices },
        detector,
        { home, cache },
        {
          signal: stop,
          onProgress: (step) => progress.step(step, task),
        },
      ),
    close: () => detector.close(),
  };
}
