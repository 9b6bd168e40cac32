import { z } from 'zod';
import { RunConfig, TaskName } from '../../config/schema.ts';
import { FoldName } from '../../toolkit/nnunet/model-card.ts';
import { ENGINES } from '../../toolkit/onnx/session/engine-choice.ts';
import { PROVIDERS } from '../../toolkit/onnx/session/session.ts';

/** A model and the settings of a prediction; paths are absolute. */
export const PredictionOrder = z.object({
  task: TaskName,
  model: z.string().min(1),
  labels: z.string().min(1).exactOptional(),
  folds: z.array(FoldName).min(1).exactOptional(),
  mirroring: z.boolean().exactOptional(),
  out: z.string().min(1),
  session: z.object({
    provider: z.enum(['auto', ...PROVIDERS]),
    threads: z.int().min(1).exactOptional(),
    engine: z.enum(ENGINES).exactOptional(),
  }),
  choices: z.object({
    mpp: z.number().positive().exactOptional(),
    level: z.int().min(0).exactOptional(),
    everywhere: z.boolean().exactOptional(),
    regions: z.string().min(1).exactOptional(),
    resample: z.boolean(),
    maxValue: z.int().min(1).exactOptional(),
    simplify: z.number().min(0),
    minArea: z.number().min(0),
    confidence: z.number().min(0).max(1).exactOptional(),
    iou: z.number().min(0).max(1).exactOptional(),
    imgsz: z.int().min(32).exactOptional(),
    fit: z.enum(['tiles', 'letterbox']).exactOptional(),
    overlap: z.int().min(0).exactOptional(),
  }),
});
export type PredictionOrder = z.infer<typeof PredictionOrder>;

/** The list of images: a folder below the state directory's runs, with one file per batch. */
export const ImageList = z.object({
  folder: z.string().min(1),
  batches: z.int().min(1),
  total: z.int().min(1),
});
export type ImageList = z.infer<typeof ImageList>;

/** Input of `predictImages`. */
export const PredictImagesInput = z.object({
  order: PredictionOrder,
  list: ImageList,
  temporal: RunConfig.shape.temporal,
});
export type PredictImagesInput = z.infer<typeof PredictImagesInput>;

export const NamedImage = z.object({
  path: z.string().min(1),
  name: z.string().min(1),
  channels: z
    .array(z.string().min(1))
    .readonly()
    .exactOptional()
    .describe('Files of its channels; `path` is the first'),
  slide: z.literal(true).exactOptional().describe('Whether the image is a slide, which several workers may share'),
});
export type NamedImage = z.infer<typeof NamedImage>;

export const ReadImagesInput = z.object({ list: ImageList, batch: z.int().min(0) });
export type ReadImagesInput = z.infer<typeof ReadImagesInput>;

/** Tile rows of a slide; `end` is exclusive. */
export const Strip = z.object({ first: z.int().min(0), end: z.int().min(1) });
export type Strip = z.infer<typeof Strip>;

export const PredictImageInput = z.object({
  order: PredictionOrder,
  list: ImageList,
  image: NamedImage,
  strips: z.array(Strip).exactOptional().describe('Strips of the slide that are in the cache'),
});
export type PredictImageInput = z.infer<typeof PredictImageInput>;

export const PredictStripInput = PredictImageInput.omit({ strips: true }).extend({ strip: Strip });
export type PredictStripInput = z.infer<typeof PredictStripInput>;

export const WritePredictionInput = z.object({ order: PredictionOrder, list: ImageList });
export type WritePredictionInput = z.infer<typeof WritePredictionInput>;
