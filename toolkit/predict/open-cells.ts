import type { CellTask } from '../../config/tasks.ts';
import { FileDigests } from '../cache/file-digests.ts';
import { StepCache } from '../cache/step-cache.ts';
import { ReigniteError } from '../errors.ts';
import type { HomeFolders } from '../files/folders.ts';
import { areAsStored } from '../image/image-header.ts';
import { type CellModel, describeDetector, prepareCellModel } from '../models/cell-model.ts';
import { cellClasses } from '../models/class-colours.ts';
import { cellDefinition } from '../tasks/registry.ts';
import { hashSource } from '../yolo/convert/convert-detector.ts';
import {
  type DetectionPlan,
  type ImageDetection,
  planDetection,
  settingsInEffect,
  USUAL_IMAGE,
  usualSize,
} from './detection-plan.ts';
import { InputImage, isSeenAsSlide, seenSize } from './input-image.ts';
import { predictCells } from './predict-cells.ts';
import type {
  ClaimedModel,
  ImagePredictor,
  NamedImage,
  OpenPredictorOptions,
  PredictionEngines,
  PredictionOrder,
} from './prediction.ts';
import { cellStrips, predictCellStrip, predictSlideCells } from './slides/predict-slide-cells.ts';
import { readSlideRegions } from './slides/slide-regions.ts';

/** Opens a detector for the user's images. @throws ReigniteError if the model or the options cannot be used. */
export async function openCellsPredictor(
  order: PredictionOrder,
  task: CellTask,
  home: HomeFolders,
  { detector }: PredictionEngines,
  { signal }: OpenPredictorOptions = {},
): Promise<ImagePredictor> {
  const { out, session, choices } = order;
  const drawn = await drawnOf(order);
  const plan = await planOf(order, task);
  const models = new SizedModels(order.model, plan, home);
  const first = await models.of(plan.of(USUAL_IMAGE), signal);
  const engine = await detector.probe({ modelDir: first.modelDir, ...session }, signal && { signal });
  const classes = cellClasses(first.classes);
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const slideJob = ({ path: image, name }: NamedImage) => {
    const detection = ofSlide(plan, first, choices);
    const job = { task, image, name, out, model: first, classes, engine, session, choices, plan, detection };
    return { ...job, ...(drawn && { drawn }) };
  };
  return {
    model: await claimedModel(order, task, first, signal),
    async predict({ path: image, name }, stop) {
      if (await isSeenAsSlide(image, choices)) {
        return predictSlideCells(slideJob({ path: image, name }), detector, services, stop);
      }
      const input = await InputImage.open(image, choices.maxValue, first.channels);
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
): Promise<ClaimedModel> {
  await drawnOf(order);
  const plan = await planOf(order, task);
  const first = await new SizedModels(order.model, plan, home).of(plan.of(USUAL_IMAGE), signal);
  return claimedModel(order, task, first, signal);
}

/**
 * Decides how the cells of a slide are detected: in tiles of the model's size, with all classes suppressed together.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED, USAGE for models and options that slides do not support.
 */
function ofSlide(
  plan: DetectionPlan,
  { isSuppressed, channels }: CellModel,
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
  if (areAsStored(channels)) {
    throw new ReigniteError(
      'CHECKPOINT_UNSUPPORTED',
      `Slides are read as RGB, but the model needs ${channels} channels.`,
      {
        remedy: 'Export regions of the slide with these channels and predict them as images.',
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

/**
 * Returns the digest of a model and the settings in effect. The digest of a checkpoint is that of its conversion without
 * options, so that the same file has the same digest whatever the options.
 */
async function claimedModel(
  { model, choices }: PredictionOrder,
  name: CellTask,
  { digest, isSuppressed }: CellModel,
  signal: AbortSignal | undefined,
): Promise<ClaimedModel> {
  const [detector, task] = [await describeDetector(model), cellDefinition(name)];
  const inEffect = settingsInEffect({ detector, choices, task, isSuppressed });
  if (/\.onnx$/i.test(model)) return { digest, inEffect };
  const { resample, simplify, minArea } = choices;
  const usual = usualSize(planDetection(detector, { resample, simplify, minArea }, task));
  const asked = usualSize(planDetection(detector, choices, task));
  const { digest: own } = await hashSource(model, { size: usual }, signal);
  const { digest: earlier } = await hashSource(model, { size: asked, oneToMany: choices.iou !== undefined }, signal);
  return { digest: own, inEffect: { ...inEffect, ...(earlier !== own && { earlierDigest: earlier }) } };
}

/** Reads the regions before anything is predicted, so that a wrong file costs no time. */
async function drawnOf({ choices: { regions } }: PredictionOrder) {
  return regions === undefined ? undefined : readSlideRegions(regions);
}

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
