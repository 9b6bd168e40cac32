import type { CellTask } from '../../config/tasks.ts';
import { FileDigests } from '../cache/file-digests.ts';
import { StepCache } from '../cache/step-cache.ts';
import { ReigniteError } from '../errors.ts';
import type { HomeFolders } from '../files/home-folders.ts';
import { type CellModel, prepareCellModel } from '../models/cell-model.ts';
import { cellClasses } from '../models/class-colours.ts';
import { describeDetector } from '../models/describe-detector.ts';
import { cellDefinition } from '../tasks/registry.ts';
import { type DetectionPlan, type ImageDetection, planDetection } from './detection-plan.ts';
import { InputImage, isSeenAsSlide, seenSize } from './input-image.ts';
import { predictCells } from './predict-cells.ts';
import type {
  ImagePredictor,
  NamedImage,
  OpenPredictorOptions,
  PredictionEngines,
  PredictionOrder,
} from './prediction-order.ts';
import type { UsedModel } from './prediction-summary.ts';
import { cellStrips, predictCellStrip, predictSlideCells } from './slides/predict-slide-cells.ts';

/** Opens a detector for the user's images. @throws ReigniteError if the model or the options cannot be used. */
export async function openCellsPredictor(
  order: PredictionOrder,
  task: CellTask,
  home: HomeFolders,
  { detector }: PredictionEngines,
  { signal }: OpenPredictorOptions = {},
): Promise<ImagePredictor> {
  const { out, session, choices } = order;
  const plan = await planOf(order, task);
  const models = new SizedModels(order.model, plan, home);
  const first = await models.of(plan.of(USUAL_IMAGE), signal);
  const engine = await detector.probe({ modelDir: first.modelDir, ...session }, signal && { signal });
  const classes = cellClasses(first.classes);
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const slideJob = ({ path: image, name }: NamedImage) => {
    const detection = ofSlide(plan, first, choices);
    return { task, image, name, out, model: first, classes, engine, session, choices, plan, detection };
  };
  return {
    model: { digest: first.digest },
    async predict({ path: image, name }, stop) {
      if (await isSeenAsSlide(image, choices)) {
        return predictSlideCells(slideJob({ path: image, name }), detector, services, stop);
      }
      const input = await InputImage.open(image, choices.maxValue);
      const detection = plan.of(seenSize(input, choices));
      const model = await models.of(detection, stop?.signal);
      const job = { task, image, name, out, model, classes, engine, session, choices, plan, detection };
      return predictCells(job, detector, services, stop);
    },
    strips: async (image, stop) =>
      (await isSeenAsSlide(image.path, choices)) ? cellStrips(slideJob(image), services, stop?.signal) : [],
    predictStrip: (image, strip, stop) => predictCellStrip(slideJob(image), strip, detector, services, stop),
  };
}

/** Prepares a detector without running it. @throws ReigniteError if the model cannot be used. */
export async function prepareCellsOrder(
  order: PredictionOrder,
  task: CellTask,
  home: HomeFolders,
  { signal }: OpenPredictorOptions = {},
): Promise<UsedModel> {
  const plan = await planOf(order, task);
  const first = await new SizedModels(order.model, plan, home).of(plan.of(USUAL_IMAGE), signal);
  return { digest: first.digest };
}

/**
 * Decides how the cells of a slide are detected: in tiles of the model's size, with all classes suppressed together.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED, USAGE for models and options that slides do not support.
 */
function ofSlide(
  plan: DetectionPlan,
  { isSuppressed }: CellModel,
  { imgsz, fit, overlap }: PredictionOrder['choices'],
): ImageDetection {
  if (isSuppressed) {
    throw new ReigniteError(
      'CHECKPOINT_UNSUPPORTED',
      'Models with non-maximum suppression inside cannot predict slides.',
      {
        remedy: 'Export regions of the slide and predict them as images.',
      },
    );
  }
  if (imgsz !== undefined || fit !== undefined || overlap !== undefined) {
    throw new ReigniteError('USAGE', '--imgsz, --fit and --overlap are for images, not for slides.');
  }
  const detection = plan.of(USUAL_IMAGE);
  if (detection.size.width === detection.size.height) return detection;
  throw new ReigniteError('CHECKPOINT_UNSUPPORTED', 'Models whose input is not square cannot predict slides.', {
    remedy: 'Export the model for square images, or export regions of the slide and predict them as images.',
  });
}

/** A square image, for which every plan gives a square input unless the model's own is not square. */
const USUAL_IMAGE = { width: 1, height: 1 };

async function planOf({ model, choices }: PredictionOrder, task: CellTask): Promise<DetectionPlan> {
  return planDetection(await describeDetector(model), choices, cellDefinition(task));
}

/** Prepares the model once per input size. Images that are seen as a whole have different sizes. */
class SizedModels {
  readonly #path: string;
  readonly #plan: DetectionPlan;
  readonly #home: HomeFolders;
  readonly #known = new Map<string, CellModel>();

  constructor(path: string, plan: DetectionPlan, home: HomeFolders) {
    this.#path = path;
    this.#plan = plan;
    this.#home = home;
  }

  async of({ size }: ImageDetection, signal: AbortSignal | undefined): Promise<CellModel> {
    const key = `${size.width} x ${size.height}`;
    const { oneToMany } = this.#plan;
    const model =
      this.#known.get(key) ??
      (await prepareCellModel(this.#path, this.#home.models, { size, oneToMany, ...(signal && { signal }) }));
    this.#known.set(key, model);
    return model;
  }
}
