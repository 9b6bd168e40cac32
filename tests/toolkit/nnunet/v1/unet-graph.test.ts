import { describe, expect, it } from 'vitest';
import type { StateTensor } from '../../../../toolkit/nnunet/convert/state-dict.ts';
import { StateDictTracker } from '../../../../toolkit/nnunet/convert/state-dict.ts';
import { unetArchitecture, unetGraph } from '../../../../toolkit/nnunet/v1/unet-graph.ts';
import { encodeModel } from '../../../../toolkit/onnx/file/model-file.ts';
import { constantTensor, stateDictOf } from './state-dict-of.ts';

const TINY = unetArchitecture({
  trainer: 'nnUNetTrainerV2_BN',
  patch: [16, 8],
  pools: [
    [2, 2],
    [2, 1],
  ],
  kernels: [
    [3, 3],
    [3, 3],
    [3, 1],
  ],
  baseFeatures: 2,
  modalities: 3,
  classes: 4,
  convPerStage: 2,
});

function build(change: (tensors: Map<string, StateTensor>) => void = () => {}) {
  const tensors = stateDictOf(TINY);
  change(tensors);
  const tracker = new StateDictTracker(tensors, 'fold_0/model_best.model');
  const graph = unetGraph(TINY, tracker);
  tracker.close();
  return { graph, tracker };
}

describe('unetGraph', () => {
  it('takes an image in NCHW and returns softmax in NHWC, with one head', () => {
    const { graph } = build();
    expect(graph.inputs).toEqual([{ name: 'image', elementType: 'float32', shape: [1, 3, 16, 8] }]);
    expect(graph.outputs).toEqual([{ name: 'softmax', elementType: 'float32', shape: [1, 16, 8, 4] }]);
    expect(graph.nodes.filter(({ name }) => name.startsWith('seg_outputs')).map(({ name }) => name)).toEqual([
      'seg_outputs.1',
    ]);
  });

  it('uses every tensor, or says why not', () => {
    const { tracker, graph } = build();
    const all = stateDictOf(TINY);
    const aside = new Set(tracker.unused);
    expect(aside.has('seg_outputs.0.weight')).toBe(true);
    expect([...aside].filter((name) => !name.endsWith('num_batches_tracked'))).toEqual(['seg_outputs.0.weight']);
    const elements = [...all]
      .filter(([name]) => !aside.has(name))
      .map(([, { shape }]) => shape.reduce((a, b) => a * b, 1));
    expect(tracker.parameters).toBe(elements.reduce((a, b) => a + b, 0));
    expect(graph.nodes.some(({ operator }) => operator === 'BatchNormalization')).toBe(false);
  });

  it('joins the upsampled first, then the skip connection', () => {
    const { graph } = build();
    const joins = graph.nodes.filter(({ operator }) => operator === 'Concat').map(({ inputs }) => inputs);
    expect(joins).toEqual([
      ['tu.0', 'conv_blocks_context.1.blocks.1.lrelu'],
      ['tu.1', 'conv_blocks_context.0.blocks.1.lrelu'],
    ]);
  });

  it('does not need num_batches_tracked, which early checkpoints lack', () => {
    const { tracker } = build((tensors) => {
      for (const name of [...tensors.keys()]) if (name.endsWith('num_batches_tracked')) tensors.delete(name);
    });
    expect(tracker.unused).toEqual(['seg_outputs.0.weight']);
  });

  it.each([
    'conv_blocks_context.0.blocks.0.conv.bias',
    'conv_blocks_context.2.1.blocks.0.instnorm.running_var',
    'tu.1.weight',
    'seg_outputs.0.weight',
    'seg_outputs.1.weight',
  ])('refuses a checkpoint without %s', (name) => {
    const fault = { code: 'PARAMETER_MISSING', message: expect.stringContaining(`no parameter ${name} [`) };
    expect(() => build((tensors) => tensors.delete(name))).toThrow(expect.objectContaining(fault));
  });

  it('has no instance normalisation if the trainer is one of batch normalisation', () => {
    const withoutStatistics = () =>
      build((tensors) => {
        for (const name of [...tensors.keys()]) if (name.includes('.instnorm.running_')) tensors.delete(name);
      });
    expect(withoutStatistics).toThrow(expect.objectContaining({ code: 'PARAMETER_MISSING' }));
  });

  it.each([
    'conv_blocks_context.0.blocks.2.conv.weight',
    'seg_outputs.1.bias',
    'seg_outputs.2.weight',
    'tu.0.bias',
    'conv_blocks_context.9.blocks.0.instnorm.num_batches_tracked',
    'running_mean',
    '__proto__',
  ])('refuses a checkpoint with %s', (name) => {
    const fault = { code: 'PARAMETER_UNKNOWN', message: expect.stringContaining(`has no parameter ${name}.`) };
    expect(() => build((tensors) => tensors.set(name, constantTensor([2])))).toThrow(expect.objectContaining(fault));
  });

  it.each([
    ['tu.0.weight', [4, 8, 2, 1], '[8, 4, 2, 1]'], // in and out exchanged
    ['conv_blocks_context.2.0.blocks.0.conv.weight', [8, 4, 3, 3], '[8, 4, 3, 1]'],
    ['seg_outputs.0.weight', [5, 4, 1, 1], '[4, 4, 1, 1]'],
    ['conv_blocks_context.0.blocks.0.instnorm.num_batches_tracked', [1], '[]'],
  ])('refuses %s of shape %j', (name, shape, wanted) => {
    const message = `fold_0/model_best.model: the parameter ${name} is [${shape.join(', ')}]; its plans need ${wanted}.`;
    expect(() => build((tensors) => tensors.set(name, constantTensor(shape)))).toThrow(
      expect.objectContaining({ code: 'PARAMETER_MISSING', message }),
    );
  });

  it.each([
    [
      'conv_blocks_localization.1.0.blocks.0.instnorm.running_var',
      [2],
      -1,
      'conv_blocks_localization.1.0.blocks.0.weight',
    ],
    ['seg_outputs.1.weight', [4, 2, 1, 1], Number.POSITIVE_INFINITY, 'seg_outputs.1.weight'],
  ])('refuses values in %s that leave no number', async (name, shape, value, named) => {
    const { graph } = build((tensors) => tensors.set(name, constantTensor(shape, value)));
    const message = expect.stringContaining(`the parameter ${named} holds values that are not finite`);
    await expect(encodeModel(graph)).rejects.toThrow(expect.objectContaining({ code: 'CHECKPOINT_CORRUPT', message }));
  });
});
