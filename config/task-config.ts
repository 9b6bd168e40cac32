import { z } from 'zod';
import { type CellTask, TASK_TITLES, type TissueTask } from './tasks.ts';

/**
 * A custom model that replaces the record's. Part of the configuration digest, since it changes outputs. The path is
 * absolute by the time a run starts; a worker on another machine needs the model, like the data, at the same path.
 */
const customModel = (what: string) =>
  z
    .string()
    .min(1)
    .optional()
    .describe(`A custom model to use instead of the record's: ${what}. Relative to the current folder. Default: none.`);

/**
 * A list that may also be given as text with commas, as `--set` and the options of commands take it.
 *
 * @param read - Converts one value of the text, without the spaces around it.
 */
export function listOf<Value extends z.ZodType>(value: Value, read: (text: string) => unknown = (text) => text) {
  return z.preprocess(
    (given) =>
      typeof given === 'string' || typeof given === 'number'
        ? String(given)
            .split(',')
            .map((text) => read(text.trim()))
        : given,
    z.array(value).min(1),
  );
}

/** Folds of an nnU-Net model, such as `0,1,3,4` or `all`: text, as given to `--set`, or a list. */
export const Folds = listOf(z.union([z.int().min(0), z.literal('all')]), asFold).describe('Numbers of folds, or `all`');

function asFold(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text;
}

const Scope = z.enum(['full', 'annotated']).default('full');

/** Settings of cell detection; the paper's by default. */
const Detection = z.object({
  confidence: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Detection score that a point must exceed, 0 to 1. Other values from 0.05 on need no new inference. ' +
        "Default: the paper's.",
    ),
  iou: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'Overlap (intersection over union) above which the box with the lower detection score is dropped, 0 to 1. ' +
        "Other values need no new inference. Default: the paper's.",
    ),
  tile: z
    .number()
    .int()
    .multipleOf(32)
    .min(32)
    .max(4_096)
    .optional()
    .describe("Side of a tile, a multiple of 32; not for an .onnx of fixed size. Unit: px. Default: the paper's."),
});

/** The configuration of a tissue task. */
export const tissueTaskConfig = (task: TissueTask) =>
  z
    .strictObject({
      scope: Scope.describe(
        '`full`: every pixel is predicted. `annotated`: only tiles with annotated pixels are predicted; all other pixels ' +
          'are written as 255, not predicted. Dice and the rows 1 to 16 of the confusion matrix are the same with both. Default: full.',
      ),
      model: customModel('a 2D nnU-Net folder (v1 or v2), or an .onnx with its JSON file'),
      folds: Folds.optional().describe(
        'Folds of a custom nnU-Net model, such as 0,1,3,4 or the fold all. Default: every numbered fold.',
      ),
      mirroring: z
        .boolean()
        .optional()
        .describe(
          'With a custom nnU-Net model, also predict mirrored copies of every tile, along the axes of its training, and ' +
            'average; takes up to four times as long. Default: false.',
        ),
    })
    .refine(({ mirroring, model }) => mirroring !== true || model !== undefined, {
      path: ['mirroring'],
      message: `mirroring needs a custom model (\`${task}.model\`); the record's model is not mirrored`,
    })
    .refine(({ folds, model }) => folds === undefined || model !== undefined, {
      path: ['folds'],
      message: `folds can be chosen for a custom model only (\`${task}.model\`); the record's model uses its five folds`,
    })
    .describe(`${TASK_TITLES[task]}.`);

/** The configuration of a cell task. */
export const cellTaskConfig = (task: CellTask) =>
  z
    .strictObject({
      model: customModel('a .pt of YOLOv5 or Ultralytics, or an .onnx'),
      ...Detection.shape,
    })
    .describe(`${TASK_TITLES[task]}.`);

/** The settings of a task of either kind, as passed to activities; cell tasks have neither scope nor folds. */
export const TaskSettings = z.object({
  scope: Scope,
  model: z.string().min(1).optional().describe('Absolute path of a custom model'),
  folds: Folds.optional(),
  mirroring: z.boolean().optional(),
  ...Detection.shape,
});
export type TaskSettings = z.infer<typeof TaskSettings>;
