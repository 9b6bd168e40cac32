import { basename } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import type { DescribedModel } from '../file/describe-model.ts';
import type { Normalise, SegmentationSidecar } from './sidecar.ts';

const Numbers = z.union([z.number().transform((value) => [value]), z.array(z.number())]);

/** A step of pre- or postprocessing, which version 0.4 identifies by name and 0.5 by id. */
const Step = z
  .looseObject({
    name: z.string().optional(),
    id: z.string().optional(),
    kwargs: z.record(z.string(), z.unknown()).optional(),
  })
  .transform(({ name, id, kwargs = {} }) => ({ what: id ?? name ?? 'a step without a name', kwargs }));

const Extent = z.union([z.int(), z.looseObject({ min: z.int(), step: z.int() })]);
/** Limits of the values of a tensor; null or infinite if they are open. */
const Range = z.array(
  z.unknown().refine((end) => end === null || typeof end === 'number' || end === 'inf' || end === '-inf', {
    error: 'expected a number',
  }),
);
const Axis = z.looseObject({
  type: z.string(),
  id: z.string().optional(),
  channel_names: z.array(z.string()).optional(),
  size: Extent.optional().catch(undefined),
});
const Values = z.looseObject({ range: Range.nullish() });
const Tensor = z.looseObject({
  axes: z.union([z.string(), z.array(Axis)]),
  shape: z
    .union([z.array(z.int()), z.looseObject({ min: z.array(z.int()), step: z.array(z.int()) })])
    .optional()
    .catch(undefined),
  data_range: Range.nullish(),
  data: z
    .union([Values.transform((all) => [all]), z.array(Values)])
    .nullish()
    .describe('Of all channels, or of each'),
  preprocessing: z.array(Step).nullish(),
  postprocessing: z.array(Step).nullish(),
});
type Tensor = z.infer<typeof Tensor>;

/** The part of a bioimage.io description that says how its ONNX weights are used. */
const Description = z.looseObject({
  name: z.string().optional(),
  inputs: z.array(Tensor).min(1),
  outputs: z.array(Tensor).min(1),
  weights: z.looseObject({ onnx: z.looseObject({ source: z.unknown() }).optional() }),
});

/** The last operator of a network's graph, which shows what its outputs are. */
export type FinalOperator = string | undefined;

/** A model JSON as written, not validated yet. */
export type UncheckedSidecar = z.input<typeof SegmentationSidecar>;

/**
 * Converts a bioimage.io description (version 0.4 or 0.5) to a model JSON.
 *
 * @param path - Of the description, for messages.
 * @param onnx - The ONNX file.
 * @param model - Content of the ONNX file. A size that it fixes takes precedence over the description.
 * @returns Undefined if the description is of other weights.
 * @throws ReigniteError SIDECAR_INVALID naming what is not supported.
 * @see https://github.com/bioimage-io/spec-bioimage-io
 */
export function bioimageSidecar(
  path: string,
  json: unknown,
  onnx: string,
  model: DescribedModel,
  final: FinalOperator,
): UncheckedSidecar | undefined {
  const parsed = Description.safeParse(json);
  if (!parsed.success) throw invalid(path, `it is not a description of a model (${faultOf(parsed.error)})`);
  const { inputs, outputs, weights } = parsed.data;
  if (sourceOf(weights.onnx?.source) !== basename(onnx)) return undefined;
  const [input, ...others] = inputs;
  const [output] = outputs;
  if (input === undefined || output === undefined || others.length > 0)
    throw invalid(path, `it has ${inputs.length} inputs`, 'Export the model with its image as the only input.');
  const axes = axesOf(input, path);
  const isOpen = model.inputs[0]?.shape.slice(1).some((length) => typeof length === 'string') ?? false;
  const size = isOpen ? sizeOf(input, axes, path) : undefined;
  const labels = labelsOf(output, path);
  return {
    kind: 'segmentation',
    input: {
      layout: layoutOf(axes, path),
      ...(model.inputs[0]?.elementType === UINT8 ? bytesAsTheyAre(input, path) : scaling(input, path)),
      ...(size && { size }),
    },
    output: { layout: layoutOf(axesOf(output, path), path), ...scoresOf(output, labels.length, final, path) },
    labels,
  };
}

const DRAFT = 'Move this description away: `npx reignite model describe` then makes the draft of a model JSON file.';

function invalid(path: string, what: string, remedy = DRAFT): ReigniteError {
  return new ReigniteError('SIDECAR_INVALID', `${path}: ${what}.`, { remedy });
}

function faultOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return `${issue?.path.join('.') || 'the whole'}: ${issue?.message}`;
}

function sourceOf(source: unknown): string | undefined {
  const text = typeof source === 'string' ? source : z.looseObject({ path: z.string() }).safeParse(source).data?.path;
  return text?.split(/[\\/]/).at(-1);
}

/** Returns one letter per axis: b, c, y, x, and z or t if there are any. */
function axesOf({ axes }: Tensor, path: string): string {
  if (typeof axes === 'string') return axes;
  return axes
    .map(({ type, id }) => {
      if (type === 'batch') return 'b';
      if (type === 'channel') return 'c';
      if (type === 'space' && id !== undefined) return id;
      throw invalid(path, `it has an axis of the unsupported type ${type}`);
    })
    .join('');
}

function layoutOf(axes: string, path: string): 'NCHW' | 'NHWC' {
  if (axes === 'bcyx') return 'NCHW';
  if (axes === 'byxc') return 'NHWC';
  const remedy = 'Export the model with an input of four axes: batch, channels, height and width.';
  throw invalid(path, `its axes are ${axes}; 2D models have bcyx or byxc`, remedy);
}

const USUAL_SIDE = 512;

/** Returns height and width: those that the description fixes, or the smallest allowed ones from 512 px. */
function sizeOf({ shape, axes: described }: Tensor, axes: string, path: string): [number, number] | undefined {
  const sides = ['y', 'x'].map((axis) => {
    const at = axes.indexOf(axis);
    if (typeof described !== 'string') return sideOf(described[at]?.size);
    if (shape === undefined) return undefined;
    const [min, step] = Array.isArray(shape) ? [shape[at], 0] : [shape.min[at], shape.step[at]];
    if (min === undefined || step === undefined) throw invalid(path, `its shape has no length of the axis ${axis}`);
    return sideOf({ min, step });
  });
  const [height, width] = sides;
  return height === undefined || width === undefined ? undefined : [height, width];
}

function sideOf(extent: z.infer<typeof Extent> | undefined): number | undefined {
  if (extent === undefined || typeof extent === 'number') return extent;
  const { min, step } = extent;
  return step > 0 ? min + step * Math.max(0, Math.ceil((USUAL_SIDE - min) / step)) : min;
}

/** Number of the element type in ONNX. */
const UINT8 = 2;

/** Returns an empty input: a network that takes bytes gets them unchanged. Refuses preprocessing that scales them. */
function bytesAsTheyAre(input: Tensor, path: string): Record<string, never> {
  const { mean = [0], std = [1], normalise } = scaling(input, path);
  if (
    normalise === undefined &&
    [mean].flat().every((value) => value === 0) &&
    [std].flat().every((value) => value === 1)
  )
    return {};
  throw invalid(path, 'its preprocessing scales the image, but the input of its network takes bytes (uint8)');
}

type Scaling = Pick<NonNullable<UncheckedSidecar['input']>, 'range' | 'mean' | 'std' | 'normalise'>;

/** Combines preprocessing into a scale and a shift per channel, of the bytes or of the image normalised by its statistics. */
function scaling(input: Tensor, path: string): Scaling {
  const steps = input.preprocessing ?? [];
  let scales = [1];
  let shifts = [0];
  let isRaw = true;
  let normalise: z.input<typeof Normalise> | undefined;
  for (const { what, kwargs } of steps) {
    refuseOtherSettings(what, kwargs, path);
    if (what === 'ensure_dtype' || (what === 'clip' && isRaw && keepsBytes(kwargs))) continue;
    const [common = 1] = scales;
    const isSame = common > 0 && scales.every((each) => each === common);
    const ofImage = normalise === undefined && isSame ? perImage(what, kwargs, common, path) : undefined;
    if (ofImage !== undefined) {
      // The same scale for all channels only changes the epsilon of the following normalisation.
      [normalise, scales, shifts, isRaw] = [ofImage, [1], [0], false];
      continue;
    }
    const [scale, shift] = affineOf(what, kwargs, path);
    isRaw = false;
    const count = Math.max(scales.length, scale.length, shift.length);
    const at = (values: readonly number[], index: number) => values[values.length === 1 ? 0 : index] ?? Number.NaN;
    const indices = Array.from({ length: count }, (_, index) => index);
    const [before, moved] = [scales, shifts];
    scales = indices.map((index) => at(before, index) * at(scale, index));
    shifts = indices.map((index) => at(moved, index) * at(scale, index) + at(shift, index));
  }
  if (![...scales, ...shifts].every(Number.isFinite) || scales.some((scale) => scale <= 0)) {
    throw invalid(path, 'its preprocessing does not give a positive scale for every channel');
  }
  const affine = {
    mean: scales.map((scale, index) => -(shifts[index] ?? 0) / scale),
    std: scales.map((scale) => 1 / scale),
  };
  if (normalise !== undefined) return { normalise, ...affine };
  if (isRaw && isFromZeroToOne(input, path)) return { range: [0, 1] };
  return { range: [0, 255], ...affine };
}

/** Settings of each step that are read. Others would change the image in a way that is not known here. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  ensure_dtype: ['dtype'],
  clip: ['min', 'max'],
  scale_linear: ['gain', 'offset', 'axis', 'axes'],
  zero_mean_unit_variance: ['mode', 'axes', 'mean', 'std', 'eps', 'reference_tensor'],
  fixed_zero_mean_unit_variance: ['mean', 'std', 'axis'],
  scale_range: ['mode', 'axes', 'min_percentile', 'max_percentile', 'eps', 'reference_tensor'],
};

function refuseOtherSettings(what: string, kwargs: Readonly<Record<string, unknown>>, path: string): void {
  const known = SETTINGS[what];
  const other = Object.keys(kwargs).find((key) => known?.includes(key) === false && (kwargs[key] ?? null) !== null);
  if (other === undefined) return;
  throw invalid(path, `its preprocessing ${what} has the setting ${other}, which is not supported`);
}

/** Returns whether the values of all channels are from 0 to 1; otherwise they are bytes. */
function isFromZeroToOne({ data, data_range }: Tensor, path: string): boolean {
  const ranges = data?.map(({ range }) => range ?? data_range) ?? [data_range];
  const areFromZeroToOne = ranges.map((range) => range?.[0] === 0 && range[1] === 1);
  if (new Set(areFromZeroToOne).size > 1) throw invalid(path, 'the channels of its input have different ranges');
  return areFromZeroToOne[0] ?? false;
}

/** Added to a divisor if the description does not say otherwise. */
const EPSILON = 1e-6;

/**
 * Reads a step that scales by the statistics of each image.
 *
 * @param scale - Scale of the values before this step, per byte value.
 * @returns Undefined for any other step.
 */
function perImage(
  what: string,
  kwargs: Readonly<Record<string, unknown>>,
  scale: number,
  path: string,
): z.input<typeof Normalise> | undefined {
  const isDeviation = what === 'zero_mean_unit_variance' && kwargs['mode'] !== 'fixed';
  if (!isDeviation && what !== 'scale_range') return undefined;
  const mode = kwargs['mode'] ?? 'per_sample';
  if (mode !== 'per_sample') throw invalid(path, `its preprocessing ${what} has the mode ${String(mode)}`);
  if (kwargs['reference_tensor'] !== undefined && kwargs['reference_tensor'] !== null) {
    throw invalid(path, `its preprocessing ${what} takes the statistics of another tensor`);
  }
  const number = (field: string, usual: number) => {
    const parsed = z.number().safeParse(kwargs[field] ?? usual);
    if (parsed.success) return parsed.data;
    throw invalid(path, `its preprocessing ${what} has no number ${field}`);
  };
  const common = { channels: channelsIn(what, kwargs['axes'], path), epsilon: number('eps', EPSILON) / scale } as const;
  if (isDeviation) return { by: 'deviation', ...common };
  return { by: 'percentiles', low: number('min_percentile', 0), high: number('max_percentile', 100), ...common };
}

/** Returns whether statistics span all channels. Axes are letters in version 0.4 and names in 0.5; by default, all axes. */
function channelsIn(what: string, axes: unknown, path: string): 'together' | 'apart' {
  const parsed = z
    .union([z.string().transform((letters) => [...letters]), z.array(z.string())])
    .nullish()
    .safeParse(axes);
  const named = parsed.data ?? ['c', 'y', 'x'];
  if (!parsed.success || !named.includes('x') || !named.includes('y')) {
    throw invalid(path, `its preprocessing ${what} is not along x and y`);
  }
  return named.some((axis) => axis === 'c' || axis === 'channel') ? 'together' : 'apart';
}

function keepsBytes(kwargs: Readonly<Record<string, unknown>>): boolean {
  return Number(kwargs['min'] ?? 0) <= 0 && Number(kwargs['max'] ?? 255) >= 255;
}

function affineOf(
  what: string,
  kwargs: Readonly<Record<string, unknown>>,
  path: string,
): readonly [scale: readonly number[], shift: readonly number[]] {
  const numbers = (field: string, usual?: number) => {
    const given = kwargs[field] ?? usual;
    const parsed = Numbers.safeParse(given);
    if (parsed.success) return parsed.data;
    throw invalid(path, `its preprocessing ${what} has no numbers ${field}`);
  };
  if (what === 'scale_linear') return [numbers('gain', 1), numbers('offset', 0)];
  const isFixed = what === 'fixed_zero_mean_unit_variance' || kwargs['mode'] === 'fixed';
  if (what.endsWith('zero_mean_unit_variance') && isFixed) {
    const [mean, std] = [numbers('mean'), numbers('std')];
    const wide = Array.from({ length: Math.max(mean.length, std.length) }, (_, index) => index);
    const stdAt = (index: number) => std[std.length === 1 ? 0 : index] ?? Number.NaN;
    const meanAt = (index: number) => mean[mean.length === 1 ? 0 : index] ?? Number.NaN;
    return [wide.map((index) => 1 / stdAt(index)), wide.map((index) => -meanAt(index) / stdAt(index))];
  }
  throw invalid(
    path,
    `its preprocessing ${what} is not supported, or is a second one that uses statistics of the image`,
  );
}

type Scores = Pick<UncheckedSidecar['output'], 'values' | 'threshold'>;

/**
 * Determines what the scores are from the postprocessing or, if there is none, from the last operator. A threshold is
 * understood for one channel: with several, a pixel may be above it in more than one.
 */
function scoresOf({ postprocessing }: Tensor, channels: number, final: FinalOperator, path: string): Scores {
  const steps = (postprocessing ?? []).filter(({ what }) => what !== 'ensure_dtype');
  const last = steps.at(-1);
  const threshold = last?.what === 'binarize' && channels === 1 ? thresholdOf(last.kwargs) : undefined;
  const [step, ...others] = threshold === undefined ? steps : steps.slice(0, -1);
  const limit = threshold === undefined ? {} : { threshold };
  if (others.length === 0 && step?.what === 'sigmoid') return { values: 'sigmoid-logits', ...limit };
  if (others.length === 0 && step?.what === 'softmax' && threshold === undefined) return { values: 'logits' };
  if (step !== undefined) {
    throw invalid(path, `its postprocessing ${steps.map(({ what }) => what).join(', ')} is not supported`);
  }
  if (final === 'Sigmoid') return { values: 'sigmoid', ...limit };
  if (final === 'Softmax' && threshold === undefined) return { values: 'probabilities' };
  throw invalid(path, 'it does not say whether the scores are logits or probabilities');
}

/** Returns the threshold of `binarize`; undefined for one per channel, and outside of 0 to 1. */
function thresholdOf({ threshold, ...others }: Readonly<Record<string, unknown>>): number | undefined {
  const isAlone = Object.keys(others).length === 0;
  return isAlone && typeof threshold === 'number' && threshold > 0 && threshold < 1 ? threshold : undefined;
}

function labelsOf(output: Tensor, path: string): string[] {
  const { axes, shape } = output;
  if (typeof axes !== 'string') {
    const channel = axes.find(({ type }) => type === 'channel');
    if (channel?.channel_names !== undefined) return channel.channel_names;
    if (typeof channel?.size === 'number') return numbered(channel.size);
  } else if (Array.isArray(shape)) return numbered(shape[axes.indexOf('c')] ?? 0);
  throw invalid(path, 'it does not say how many channels the output has');
}

function numbered(count: number): string[] {
  return Array.from({ length: Math.min(count, 100) }, (_, channel) => `channel ${channel}`);
}
