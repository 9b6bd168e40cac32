import { z } from 'zod';

/**
 * A model of one's own in place of the record's. Part of the digest: it changes outputs. The path is absolute by the
 * time a run starts; a worker on another machine needs the file under the same path, as it does the data.
 */
export const ownModel = (what: string) =>
  z
    .string()
    .min(1)
    .optional()
    .describe(`A model of your own in place of the record's: ${what}. Relative to the current folder. Default: none.`);

/**
 * Folds of an nnU-Net model, such as `0,1,3,4` or `all`: text, as `--set` gives it, or a list.
 */
export const Folds = z
  .preprocess(
    (given) => (typeof given === 'string' || typeof given === 'number' ? String(given).split(',').map(asFold) : given),
    z.array(z.union([z.int().min(0), z.literal('all')])).min(1),
  )
  .describe('Numbers of folds, or `all`');

function asFold(text: string): number | string {
  return /^\s*\d+\s*$/.test(text) ? Number(text) : text.trim();
}

export const CellTaskConfig = (title: string) =>
  z.strictObject({ model: ownModel('a YOLOv5 .pt, or an .onnx with its sidecar') }).describe(`${title}.`);
