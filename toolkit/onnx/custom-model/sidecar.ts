import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';

const Side = z.int().min(16).max(8_192);
const Byte = z.int().min(0).max(255);
/** One number for all channels, or one per channel. */
const PerChannel = z.union([z.number().transform((value) => [value]), z.array(z.number()).min(1).max(4)]);

/** Which channels a network takes, in their order. */
export const ImageChannels = z.enum(['RGB', 'BGR', 'grey', 'RGBA', 'BGRA', 'two', 'four']);
export type ImageChannels = z.infer<typeof ImageChannels>;

const Together = z
  .enum(['together', 'apart'])
  .default('together')
  .describe('Whether the statistics are of all channels or of each.');
const Epsilon = z.number().min(0).default(1e-6).describe('Added to the divisor. Unit: byte values.');

/** Scaling by the statistics of each image. */
export const Normalise = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('deviation'), channels: Together, epsilon: Epsilon }),
  z
    .strictObject({
      by: z.literal('percentiles'),
      low: z.number().min(0).max(100).default(0),
      high: z.number().min(0).max(100).default(100),
      channels: Together,
      epsilon: Epsilon,
    })
    .refine(({ low, high }) => low < high, 'low must be below high'),
]);
export type Normalise = z.infer<typeof Normalise>;

/** How pixels become the input of a custom network. Missing fields follow from the ONNX file. */
const SidecarInput = z.strictObject({
  layout: z.enum(['NCHW', 'NHWC']).optional().describe('Order of the axes. Default: where the file has its channels.'),
  channels: ImageChannels.optional().describe(
    'Channels in their order. `grey` is the luma of Rec. 601 as Pillow rounds it; A is 255 everywhere. ' +
      '`two` and `four` are the channels of the image file as it stores them. ' +
      'Default: grey for one channel, two for two, RGB for three.',
  ),
  range: z
    .tuple([z.number(), z.number()])
    .refine(([low, high]) => low < high, 'the first must be below the second')
    .optional()
    .describe('What the byte values 0 and 255 become. Default: 0 to 1; of an input of bytes 0 to 255.'),
  mean: PerChannel.optional().describe(
    'Subtracted per channel, in the order of `channels`, after `range`. Default: 0.',
  ),
  std: PerChannel.refine((values) => values.every((value) => value > 0), 'must be above 0')
    .optional()
    .describe('Divisor per channel, after `mean`. Default: 1.'),
  normalise: Normalise.optional().describe(
    'For segmentation models that do not take alpha: scaling by the mean and deviation, or from two percentiles to 0 and 1, of ' +
      'each image. `mean` and `std` apply to its result; `range` is left out.',
  ),
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

/** Kinds of scores in which each channel is decided independently. */
const SIGMOID = ['sigmoid', 'sigmoid-logits'] as const;

const SegmentationOutput = z
  .strictObject({
    name: z.string().min(1).optional().describe('Name of the output that is read. Default: the first.'),
    layout: z.enum(['NCHW', 'NHWC']).optional().describe('Order of the axes. Default: that of the input.'),
    values: z
      .enum(['logits', 'probabilities', ...SIGMOID])
      .describe(
        'What the scores are. `logits`: softmax is applied. `sigmoid`: each channel is a probability by itself. ' +
          '`sigmoid-logits`: the sigmoid is applied.',
      ),
    threshold: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .describe(
        'Of `sigmoid` and `sigmoid-logits`: what the largest score must exceed, else the pixel is 0. Default: 0.5.',
      ),
  })
  .describe('Scores per pixel, of the size of the input.');

/** A network with a score per pixel and class. */
export const SegmentationSidecar = z
  .strictObject({
    kind: z.literal('segmentation'),
    input: SidecarInput.prefault({}),
    output: SegmentationOutput,
    labels: z
      .array(Label)
      .min(1)
      .max(64)
      .describe('One label per output channel, in their order. Of sigmoids, 0 is the background and has no channel.'),
  })
  .superRefine((sidecar, context) => {
    const refuse = (field: 'output' | 'labels', message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    const values = labelValues(sidecar);
    const { output, labels } = sidecar;
    if (new Set(values).size < values.length) {
      refuse('labels', 'a value occurs twice (a label without a value gets its position)');
    }
    if (hasSigmoid(sidecar)) {
      if (values.includes(0)) refuse('labels', 'the value 0 is the background of a sigmoid');
    } else if (labels.length < 2) refuse('labels', 'one label needs the values sigmoid or sigmoid-logits');
    else if (output.threshold !== undefined) refuse('output', 'a threshold needs the values sigmoid or sigmoid-logits');
  });
export type SegmentationSidecar = z.infer<typeof SegmentationSidecar>;

/** Returns whether each channel of a network is decided independently. */
export function hasSigmoid({ output }: Pick<SegmentationSidecar, 'output'>): boolean {
  return SIGMOID.some((values) => values === output.values);
}

/** Returns the mask value of each channel of a network: that of its label, or its position, which starts at 1 for sigmoids. */
export function labelValues(sidecar: Pick<SegmentationSidecar, 'output' | 'labels'>): readonly number[] {
  const first = hasSigmoid(sidecar) ? 1 : 0;
  return sidecar.labels.map(({ value }, channel) => value ?? channel + first);
}

/** A detector with boxes as rows. */
export const DetectionSidecar = z.strictObject({
  kind: z.literal('detection'),
  input: SidecarInput.prefault({}),
  output: z
    .strictObject({
      name: z.string().min(1).optional().describe('Name of the output that is read. Default: the first.'),
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

/** The model JSON: what must be known about an ONNX model but is not in its file. */
export const Sidecar = z.discriminatedUnion('kind', [SegmentationSidecar, DetectionSidecar]);
export type Sidecar = z.infer<typeof Sidecar>;

/** Returns the path of the model JSON: next to the ONNX model, with `.json` in place of `.onnx`. */
export function sidecarPath(model: string): string {
  return model.replace(/\.onnx$/i, '.json');
}

/** The kinds of custom models, and those in the model JSON that `model convert` writes. */
const DETECTOR_KINDS = ['detection', 'yolov5', 'yolo'] as const;
const SEGMENTATION_KINDS = ['segmentation', 'nnunet-v1-2d', 'nnunet-v2-2d'] as const;
const DescribedKind = z.object({ kind: z.enum([...DETECTOR_KINDS, ...SEGMENTATION_KINDS]) });

/**
 * Checks that a model JSON does not describe a model for the other kind of task.
 *
 * @param path - File that it comes from, for messages.
 * @throws ReigniteError SIDECAR_INVALID if it does.
 */
export function refuseOtherKind(path: string, json: unknown, wanted: 'segmentation' | 'detection'): void {
  const kind = DescribedKind.safeParse(json).data?.kind;
  const isDetector = DETECTOR_KINDS.some((each) => each === kind);
  if (kind === undefined || isDetector === (wanted === 'detection')) return;
  const what = isDetector ? 'a detector' : 'a segmentation model';
  throw new ReigniteError('SIDECAR_INVALID', `The file ${path} describes ${what}.`, {
    remedy: isDetector ? 'Use it for the task `nuclei` or `pdl1`.' : 'Use it for the task `he`.',
  });
}

/**
 * Validates a model JSON.
 *
 * @param path - File that it comes from, for messages.
 * @throws ReigniteError SIDECAR_INVALID naming every invalid field.
 */
export function parseSidecar<Kind>(path: string, json: unknown, schema: z.ZodType<Kind>): Kind {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`);
  throw new ReigniteError('SIDECAR_INVALID', `The file ${path} is invalid: ${faults.join('; ')}.`, {
    cause: parsed.error,
  });
}
