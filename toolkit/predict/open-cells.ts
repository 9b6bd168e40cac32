import type { CellTask } from '../../config/tasks.ts';
import { StepCache } from '../cache/step-cache.ts';
import type { HomeFolders } from '../files/home-folders.ts';
import { prepareCellModel } from '../models/cell-model.ts';
import { cellClasses } from '../models/class-colours.ts';
import { predictCells } from './predict-cells.ts';
import type { ImagePredictor, OpenPredictorOptions, PredictionEngines, PredictionOrder } from './prediction-order.ts';
import type { UsedModel } from './prediction-summary.ts';

/** Opens a YOLOv5 detector for the user's images. @throws ReigniteError of what the model lacks. */
export async function openCellsPredictor(
  { model: path, out, session, choices }: PredictionOrder,
  task: CellTask,
  home: HomeFolders,
  { detector }: PredictionEngines,
  { signal }: OpenPredictorOptions = {},
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

/** Makes a detector ready, and nothing else. @throws ReigniteError of what the model lacks. */
export async function prepareCellsOrder(
  { model }: PredictionOrder,
  home: HomeFolders,
  { signal }: OpenPredictorOptions = {},
): Promise<UsedModel> {
  const { digest } = await prepareCellModel(model, home.models, { ...(signal && { signal }) });
  return { digest };
}
