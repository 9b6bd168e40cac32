import { z } from 'zod';
/**
 * A model of one's own in place of the record's. Part of the digest: it changes outputs. The path is absolute by the
 * time a run starts; a worker on another machine needs the file under the same path, as it does the data.
 */
export const ownModel = (what) => z
    .string()
    .min(1)
    .optional()
    .describe(`A model of your own in place of the record's: ${what}. Relative to the current folder. Default: none.`);
export const CellTaskConfig = (title) => z.strictObject({ model: ownModel('a YOLOv5 .pt, or an .onnx with its sidecar') }).describe(`${title}.`);
