import { z } from 'zod';
import { RunConfig, TaskName } from '../config/schema.js';
import { PROVIDERS } from '../toolkit/onnx/session.js';
/** A model and how images are predicted with it; paths are absolute. */
export const PredictionOrder = z.object({
    task: TaskName,
    model: z.string().min(1),
    labels: z.string().min(1).exactOptional(),
    out: z.string().min(1),
    session: z.object({
        provider: z.enum(['auto', ...PROVIDERS]),
        threads: z.int().min(1).exactOptional(),
    }),
    choices: z.object({
        mpp: z.number().positive().exactOptional(),
        resample: z.boolean(),
        simplify: z.number().min(0),
        minArea: z.number().min(1),
    }),
});
/** Where the list of images lies: a folder below the home's runs, in pages. */
export const ImageList = z.object({
    folder: z.string().min(1),
    pages: z.int().min(1),
    total: z.int().min(1),
});
/** What `predictImages` is started with. */
export const PredictImagesInput = z.object({
    order: PredictionOrder,
    list: ImageList,
    temporal: RunConfig.shape.temporal,
});
export const NamedImage = z.object({ path: z.string().min(1), name: z.string().min(1) });
export const ReadImagesInput = z.object({ list: ImageList, page: z.int().min(0) });
export const PredictImageInput = z.object({ order: PredictionOrder, list: ImageList, image: NamedImage });
export const WritePredictionInput = z.object({ order: PredictionOrder, list: ImageList });
