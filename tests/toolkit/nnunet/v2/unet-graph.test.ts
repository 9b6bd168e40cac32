import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { StateTensor } from '../../../../toolkit/nnunet/convert/state-dict.ts';
import { StateDictTracker } from '../../../../toolkit/nnunet/convert/state-dict.ts';
import type { Activation, V2Network } from '../../../../toolkit/nnunet/v2/plans.ts';
import { v2UnetGraph } from '../../../../toolkit/nnunet/v2/unet-graph.ts';
import { encodeModel } from '../../../../toolkit/onnx/file/model-file.ts';
import { noise } from '../../../support/random-numbers.ts';

/** Weights for whatever name and shape a network asks for; the same for the same name. */
class AnyTracker extends StateDictTracker {
  readonly names: string[] = [];

  constructor() {
    super(new Map(), 'any.pth');
  }

  override use(name: string, shape: readonly number[]): StateTensor {
    this.names.push(name);
    const length = shape.reduce((product, axis) => product * axis, 1);
    const seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 10_007, 7);
    const isPositive = name.endsWith('running_var');
    const scale = (value: number) => (isPositive ? 0.5 + value / 256 : value / 256 - 0.45);
    return { shape, read: async () => Float32Array.from(noise(length, seed), scale) };
  }
}

const PLAIN: V2Network = {
  name: 'PlainConvUNet',
  features: [3, 4, 5],
  kernels: [
    [1, 3],
    [3, 3],
    [5, 3],
  ],
  strides: [
    [1, 1],
    [1, 2],
    [2, 2],
  ],
  encoder: [1, 2, 2],
  decoder: [2, 1],
  stemFeatures: 3,
  convBias: false,
  norm: { kind: 'instance', epsilon: 1e-5, affine: false },
  activation: { kind: 'leakyRelu', slope: 0.01 },
  activationFirst: false,
};

const PATCH = [8, 12] as const;

/** Logits of an image of noise, 8 x 12 px, three channels, two outputs. */
async function logitsOf(network: V2Network): Promise<{ logits: Float32Array; names: readonly string[] }> {
  const tracker = new AnyTracker();
  const graph = v2UnetGraph(network, { patch: PATCH, channels: 3, outputs: 2 }, tracker);
  const session = await InferenceSession.create(Buffer.from(await encodeModel(graph)));
  const image = Float32Array.from(noise(3 * 8 * 12, 3), (value) => value / 128 - 1);
  const { logits } = await session.run({ image: new Tensor('float32', image, [1, 3, ...PATCH]) });
  await session.release();
  if (logits === undefined || !(logits.data instanceof Float32Array)) throw new RangeError('Expected logits');
  expect(logits.dims).toEqual([1, ...PATCH, 2]);
  expect(logits.data.every(Number.isFinite)).toBe(true);
  return { logits: logits.data, names: tracker.names };
}

function furthest(one: Float32Array, other: Float32Array): number {
  return one.reduce((most, value, at) => Math.max(most, Math.abs(value - (other[at] ?? Number.NaN))), 0);
}

describe('v2UnetGraph', () => {
  it.each<Activation>([
    { kind: 'relu' },
    { kind: 'silu' },
    { kind: 'gelu' },
    { kind: 'mish' },
    { kind: 'elu', alpha: 0.7 },
    { kind: 'none' },
  ])('runs with the activation $kind, uneven kernels and strides', async (activation) => {
    const other = { ...PLAIN, activation };
    expect(furthest((await logitsOf(other)).logits, (await logitsOf(PLAIN)).logits)).toBeGreaterThan(1e-3);
  });

  it('supports networks without norm, and a residual encoder with its own stem', async () => {
    const { names } = await logitsOf({ ...PLAIN, norm: undefined });
    expect(names.filter((name) => name.includes('.norm.'))).toEqual([]);
    const residual = await logitsOf({ ...PLAIN, name: 'ResidualEncoderUNet', stemFeatures: 4 });
    expect(residual.names).toContain('encoder.stages.0.blocks.0.skip.0.conv.weight');
    expect(residual.names).toContain('encoder.stages.2.blocks.0.skip.1.conv.weight');
    expect(residual.names).not.toContain('encoder.stages.2.blocks.1.skip.0.conv.weight');
  });

  it('folds batch normalisation with the same numbers as a separate operator', async () => {
    const norm = { kind: 'batch', epsilon: 1e-5, affine: true } as const;
    const batch = { ...PLAIN, convBias: true, norm, activation: { kind: 'none' } } as const;
    const [folded, apart] = [await logitsOf(batch), await logitsOf({ ...batch, activationFirst: true })];
    expect(apart.names).toEqual(expect.arrayContaining([...folded.names]));
    const range = folded.logits.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(furthest(folded.logits, apart.logits) / range).toBeLessThan(1e-5);
  });
});
