import { z } from 'zod';
import type { ReigniteError } from '../../errors.ts';
import type { DescribedValue } from '../file/describe-model.ts';
import { ImageChannels, type SidecarInput } from './sidecar.ts';

/** Supported element types of image inputs, by their number in ONNX. */
const ELEMENT_TYPES = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [10, 'float16'],
] as const);

/** Number of channels of each kind. */
const COUNTS = { grey: 1, two: 2, RGB: 3, BGR: 3, RGBA: 4, BGRA: 4, four: 4 } as const satisfies Record<
  ImageChannels,
  number
>;

/** Complete description of how the pixels of a tile become the input of a network. */
export const ImageSpec = z.object({
  elementType: z.enum(['float32', 'float16', 'uint8']),
  layout: z.enum(['NCHW', 'NHWC']),
  channels: ImageChannels,
  range: z.tuple([z.number(), z.number()]).describe('What the byte values 0 and 255 become'),
  mean: z.array(z.number()).describe('Subtracted per channel, after `range`'),
  std: z.array(z.number()).describe('Divisor per channel, after `mean`'),
});
export type ImageSpec = z.infer<typeof ImageSpec>;

/** Creates the error for an input that cannot be used. */
export type Refuse = (what: string, remedy?: string) => ReigniteError;

/** Returns the number of channels of a kind. */
export function channelCount(channels: ImageChannels): number {
  return COUNTS[channels];
}

/** Returns how many channels are read from an image: 2 or 4 as the file stores them, else red, green and blue. */
export function channelsRead(channels: ImageChannels): number {
  return channels === 'two' || channels === 'four' ? COUNTS[channels] : COUNTS.RGB;
}

/** Returns the shape of an input of one image. */
export function imageShape({ layout, channels }: ImageSpec, [height, width]: readonly [number, number]): number[] {
  const count = channelCount(channels);
  return layout === 'NCHW' ? [1, count, height, width] : [1, height, width, count];
}

/**
 * Completes the input of a model JSON with what the ONNX file fixes.
 *
 * @throws ReigniteError of `refuse` if they do not match, or if neither says enough.
 */
export function imageSpec(value: DescribedValue, described: SidecarInput, refuse: Refuse): ImageSpec {
  const { name, shape } = value;
  if (shape.length !== 4) {
    const remedy = 'Export the model with an input of four axes: batch, channels, height and width.';
    throw refuse(`the input ${name} has the shape [${shape}]`, remedy);
  }
  const elementType = elementTypeOf(value, refuse);
  const layout = layoutOf(shape, described);
  const count = shape[layout === 'NCHW' ? 1 : 3];
  const channels = channelsOf(value, described.channels, count, layout, refuse);
  const isBytes = elementType === 'uint8';
  if (described.normalise !== undefined) refuseNormalise(described, isBytes, channels, refuse);
  if (isBytes && (described.range ?? described.mean ?? described.std) !== undefined) {
    throw refuse(`the input ${name} takes bytes (uint8); leave input.range, input.mean and input.std out`);
  }
  return {
    elementType,
    layout,
    channels,
    range: described.range ?? (isBytes ? [0, 255] : [0, 1]),
    mean: perChannel(described.mean ?? [0], 'mean', channels, refuse),
    std: perChannel(described.std ?? [1], 'std', channels, refuse),
  };
}

/** Statistics are supported for channels of the image; alpha, which is 255 everywhere, has none. */
function refuseNormalise({ range }: SidecarInput, isBytes: boolean, channels: ImageChannels, refuse: Refuse): void {
  if (isBytes) throw refuse('the input takes bytes (uint8); leave input.normalise out');
  if (range !== undefined) throw refuse('input.range has no effect with input.normalise; leave one of them out');
  if (channels === 'RGBA' || channels === 'BGRA') {
    throw refuse(`input.normalise cannot be used with alpha; the input takes ${channels}`);
  }
}

function elementTypeOf({ name, elementType }: DescribedValue, refuse: Refuse): ImageSpec['elementType'] {
  for (const [number, type] of ELEMENT_TYPES) if (number === elementType) return type;
  throw refuse(
    `the input ${name} is not float32, float16 or uint8`,
    'Export the model with one of these as input type.',
  );
}

/** Returns the order of the axes: the given one, else the one in which the file has a plausible number of channels. */
export function layoutOf(
  [, second, , last]: readonly (number | string)[],
  { layout }: Pick<SidecarInput, 'layout'>,
): ImageSpec['layout'] {
  if (layout !== undefined) return layout;
  return !isCount(second) && isCount(last) ? 'NHWC' : 'NCHW';
}

function isCount(length: number | string | undefined): boolean {
  return length === 1 || length === 2 || length === 3 || length === 4;
}

function channelsOf(
  { name, shape }: DescribedValue,
  described: ImageChannels | undefined,
  count: number | string | undefined,
  layout: string,
  refuse: Refuse,
): ImageChannels {
  const needed = described === undefined ? undefined : COUNTS[described];
  if (needed !== undefined && (typeof count === 'string' || count === needed)) return described ?? 'RGB';
  if (needed !== undefined)
    throw refuse(`the input ${name} [${shape}] does not have ${needed} channels in the layout ${layout}`);
  if (typeof count === 'string' || count === 3) return 'RGB';
  if (count === 1) return 'grey';
  if (count === 2) return 'two';
  if (count === 4)
    throw refuse(`the input ${name} [${shape}] has 4 channels; set input.channels to four, RGBA or BGRA`);
  throw refuse(`the input ${name} [${shape}] does not have 3 channels in the layout ${layout}, nor 1, 2 or 4`);
}

function perChannel(given: readonly number[], field: string, channels: ImageChannels, refuse: Refuse): number[] {
  const count = COUNTS[channels];
  if (given.length === count) return [...given];
  const [only] = given;
  if (given.length === 1 && only !== undefined) return Array.from({ length: count }, () => only);
  throw refuse(`input.${field} has ${given.length} numbers; ${channels} has ${count} channels`);
}
