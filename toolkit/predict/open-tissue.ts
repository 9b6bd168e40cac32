import { FileDigests } from '../cache/file-digests.ts';
import { StepCache } from '../cache/step-cache.ts';
import { HE_LABELS, readLabelMap } from '../dataset/tissue-labels.ts';
import type { HomeFolders } from '../files/folders.ts';
import { tissueClasses } from '../models/class-colours.ts';
import { prepareTissueModel, type TissueModel } from '../models/tissue-model.ts';
import { isSlideImage } from './input-image.ts';
import { predictTissue } from './predict-tissue.ts';
import type {
  ImagePredictor,
  NamedImage,
  OpenPredictorOptions,
  PredictionEngines,
  PredictionOrder,
  UsedModel,
} from './prediction.ts';
import { predictSlide, predictSlideStrip, tissueStrips } from './slides/predict-slide-tissue.ts';

/** Opens an nnU-Net model for the user's images. @throws ReigniteError if the model or the label file cannot be used. */
export async function openTissuePredictor(
  order: PredictionOrder,
  home: HomeFolders,
  { segmenter }: PredictionEngines,
  options: OpenPredictorOptions = {},
): Promise<ImagePredictor> {
  const { labels, out, session, choices } = order;
  const { signal } = options;
  const given = labels === undefined ? undefined : await readLabelMap(labels);
  const model = await prepare(order, home, options);
  const engine = await segmenter.probe({ modelDir: model.modelDir, ...session }, signal && { signal });
  const names = given ?? model.labels;
  const classes = tissueClasses(model.classes, names);
  const notes = [...(names === undefined ? [namesNote(model.classes)] : []), ...(model.notes ?? [])];
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests) };
  const jobOf = ({ path: image, name, channels }: NamedImage) => {
    return { image, name, ...(channels && { channels }), out, model, classes, notes, engine, session, choices };
  };
  return {
    model: usedModel(model),
    predict: async (image, stop) => {
      const job = jobOf(image);
      return (await isSlideImage(image, choices))
        ? predictSlide(job, segmenter, services, stop)
        : predictTissue(job, segmenter, services, stop);
    },
    strips: async (image, stop) =>
      (await isSlideImage(image, choices)) ? tissueStrips(jobOf(image), services, stop?.signal) : [],
    predictStrip: (image, strip, stop) => predictSlideStrip(jobOf(image), strip, segmenter, services, stop),
  };
}

/** Prepares an nnU-Net model without running it. @throws ReigniteError if the model cannot be used. */
export async function prepareTissueOrder(
  order: PredictionOrder,
  home: HomeFolders,
  options: OpenPredictorOptions = {},
): Promise<UsedModel> {
  return usedModel(await prepare(order, home, options));
}

function prepare(
  { model, folds, mirroring }: PredictionOrder,
  home: HomeFolders,
  { signal, onConverted }: OpenPredictorOptions,
): Promise<TissueModel> {
  return prepareTissueModel(model, home.models, {
    folds,
    mirroring,
    ...(signal && { signal }),
    onProgress: ({ step, done, total }) => {
      if (step === 'convert') onConverted?.(done, total);
    },
  });
}

function usedModel({ digest, folds, nnunet, labels }: TissueModel): UsedModel {
  return {
    digest,
    ...(folds.length > 0 && { folds: [...folds] }),
    ...(nnunet?.version === 2 && {
      family: 'nnU-Net v2',
      trainer: nnunet.trainer,
      plans: nnunet.plans,
      mirrorAxes: [...nnunet.mirrorAxes],
      labels: (labels ?? []).map(({ value, name }) => ({ value, name })),
    }),
  };
}

/** Says which class names are used. Models of nnU-Net v1 do not contain any. */
function namesNote(classes: number): string {
  return classes === HE_LABELS.length
    ? "The model does not name its classes; the paper's names are used. Set others with --labels."
    : 'The model does not name its classes; they are numbered. Name them with --labels.';
}
