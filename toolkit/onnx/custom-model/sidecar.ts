import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';

const Side = z.int().min(16).max(8_192);
const Triple = z.tuple([z.number(), z.number(), z.number()]);
const Byte = z.int().min(0).max(255);

/** How pixels become the input of a custom network. */
const SidecarInput = z.strictObject({
  layout: z.enum(['NCHW', 'NHWC']).default('NCHW').describe('Order of the axes. Default: NCHW.'),
  channels: z.enum(['RGB', 'BGR']).default('RGB').describe('Order of the colours. Default: RGB.'),
  range: z
    .tuple([z.number(), z.number()])
    .refine(([low, high]) => low < high, 'the first must be below the second')
    .default([0, 1])
    .describe('What the byte values 0 and 255 become. Default: 0 to 1.'),
  mean: Triple.default([0, 0, 0]).describe(
    'Subtracted per channel, in the order of `channels`, after `range`. Default: 0.',
  ),
  std: Triple.refine((values) => values.every((value) => value > 0), 'must be above 0')
    .default([1, 1, 1])
    .describe('Divisor per channel, after `mean`. Default: 1.'),
  size: z
    .tuple([Side, Side])
    .optional()
    .describe('Height and width of a tile in px; needed where the model does not fix them.'),
});
export type SidecarInput = z.infer<typeof SidecarInput>;

/** A colour: red, green, blue. */
const Colour = z.tuple([Byte, Byte, Byte]).optional().describe('Red, green, blue.');

/** A name alone, or with its value and colour. */
const Label = z.preprocess(
  (given) => (typeof given === 'string' ? { name: given } : given),
  z
    .strictObject({
      name: z.string().min(1),
      value: z.int().min(0).max(63).optional().describe('Its value in a mask. Default: its position, from 0.'),
      colour: Colour,
      color: Colour,
    })
    .refine(({ colour, color }) => colour === undefined || color === undefined, 'give colour or color, not both')
    .transform(({ name, value, colour, color }) => ({ name, value, colour: colour ?? color })),
);

/** A network that gives a score per pixel and class. */
export const SegmentationSidecar = z.strictObject({
  kind: z.literal('segmentation'),
  input: SidecarInput.prefault({}),
  output: z
    .strictObject({
      layout: z.enum(['NCHW', 'NHWC']).default('NCHW').describe('Order of the axes. Default: NCHW.'),
      values: z.enum(['logits', 'probabilities']).describe('What the scores are; softmax is applied to logits.'),
    })
    .describe('Scores per pixel, of the size of the input.'),
  labels: z
    .array(Label)
    .min(2)
    .max(64)
    .refine(
      (labels) => new Set(labels.map(({ value }, channel) => value ?? channel)).size === labels.length,
      'a value occurs twice (a label without a value gets its position)',
    )
    .describe('One label per output channel, in their order.'),
});
export type SegmentationSidecar = z.infer<typeof SegmentationSidecar>;

/** A detector with boxes as rows. */
export const DetectionSidecar = z.strictObject({
  kind: z.literal('detection'),
  input: SidecarInput.prefault({}),
  output: z
    .strictObject({
      format: z
        .enum(['yolov5', 'yolov8', 'end2end'])
        .describe(
          '`yolov5`: [1, rows, 5 + classes]: centre x, centre y, width, height in px, objectness, classes. ' +
            '`yolov8`: [1, 4 + classes, rows], without objectness. ' +
            '`end2end`: [1, rows, 6]: x1, y1, x2, y2 in px, score, class, already suppressed.',
        ),
    })
    .describe('Boxes before non-maximum suppression, scores from 0 to 1.'),
  labels: z.array(z.string().min(1)).min(1).max(1_000).describe('Names of the classes, in their order.'),
});
export type DetectionSidecar = z.infer<typeof DetectionSidecar>;

/** What has to be known of an ONNX file that it does not say itself. */
const Sidecar = z.discriminatedUnion('kind', [SegmentationSidecar, DetectionSidecar]);
export type Sidecar = z.infer<typeof Sidecar>;

/** Path of the JSON of an ONNX model: next to it, with `.json` in place of `.onnx`. */
export function sidecarPath(model: string): string {
  return model.replace(/\.onnx$/i, '.json');
}

/** A sidecar as written: of either kind, or the description of a model that reignite converted. */
export async function readSidecarJson(model: string): Promise<unknown> {
  const path = sidecarPath(model);
  if (!existsSync(path)) {
    throw new ReigniteError('SIDECAR_INVALID', `The model ${model} has no JSON file ${path}.`);
  }
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ReigniteError('SIDECAR_INVALID', `The file ${path} is not JSON: ${reason}.`, { cause: error });
  }
}

/** Whether a model has a sidecar. */
export function hasSidecar(model: string): boolean {
  return existsSync(sidecarPath(model));
}

/**
 * Checks a sidecar.
 *
 * @throws ReigniteError SIDECAR_INVALID that names every field at fault.
 */
export function parseSidecar<Kind>(model: string, json: unknown, schema: z.ZodType<Kind>): Kind {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`);
  throw new ReigniteError('SIDECAR_INVALID', `The file ${sidecarPath(model)} is invalid: ${faults.join('; ')}.`, {
    cause: parsed.error,
  });
}
