import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../toolkit/onnx/file/model-file.ts';
import type { Checkpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import type { PickleValue } from '../../../toolkit/pytorch/pickle/value.ts';
import { detectorGraph } from '../../../toolkit/yolo/convert/detector-graph.ts';
import { readDetectorNetwork } from '../../../toolkit/yolo/convert/detector-network.ts';
import { TensorUsage } from '../../../toolkit/yolo/convert/module-tree.ts';
import { fixture, opened, SIZE } from './support/fixtures.ts';
import { attributesAt, dict, list, moduleAt, moduleOf, registerAt } from './support/pickle-tree.ts';

type Reader = Pick<Checkpoint, 'readFloat32'>;

async function build(checkpoint: Checkpoint, reader: Reader = checkpoint): Promise<Uint8Array> {
  const network = await readDetectorNetwork(checkpoint);
  const usage = new TensorUsage(network.root, checkpoint.path, reader);
  return encodeModel(detectorGraph(network, usage, { height: SIZE, width: SIZE }).graph);
}

async function refusal(change: (checkpoint: Checkpoint) => void): Promise<unknown> {
  const checkpoint = await opened(fixture('v7.pt'));
  change(checkpoint);
  return build(checkpoint).then(
    () => undefined,
    (error: unknown) => error,
  );
}

const SEQUENTIAL = 'torch.nn.modules.container.Sequential';

describe('a tree of modules that no training produces', () => {
  it.each<[place: string, name: string, value: PickleValue, says: string]>([
    ['model.1.conv', 'stride', list(-1, -1), 'model.1.conv.stride'],
    ['model.1.conv', 'stride', -1, 'model.1.conv.stride'],
    ['model.1.conv', 'stride', 0, 'model.1.conv.stride'],
    ['model.1.conv', 'padding', -1, 'model.1.conv.padding'],
    ['model.1.conv', 'padding', 'same', 'model.1.conv.padding'],
    ['model.1.conv', 'kernel_size', 1_000_000_000, 'model.1.conv.kernel_size'],
    ['model.1.conv', 'kernel_size', 60_000, '[8, 8, 60000, 60000]'],
    ['model.1.conv', 'dilation', 0, 'model.1.conv.dilation'],
    ['model.1.conv', 'dilation', 65_536, 'would give'],
    ['model.1.conv', 'in_channels', Number.MAX_SAFE_INTEGER, 'model.1.conv.in_channels'],
    ['model.1.conv', 'out_channels', 1n << 80n, 'model.1.conv.out_channels'],
    ['model.1.conv', 'out_channels', 16, 'model.1.conv.weight'],
    ['model.1.conv', 'groups', 3, 'model.1.conv'],
    ['model.1.conv', 'groups', 8, 'model.1.conv.weight'],
    ['model.1.conv', 'padding_mode', 'reflect', 'model.1.conv.padding_mode'],
    ['model.1.bn', 'eps', Number.NaN, 'model.1.bn.eps'],
    ['model.1.bn', 'eps', -1, 'model.1.bn.eps'],
    ['model.1.bn', 'eps', 'x', 'model.1.bn.eps'],
    ['model.1', 'f', 99, 'takes its input from layer 99'],
    ['model.1', 'f', 1, 'takes its input from layer 1'],
    ['model.1', 'f', -7, 'takes its input from layer -7'],
    ['model.1', 'f', list(), 'has 0 inputs'],
    ['model.1', 'f', list(0, 0), 'has 2 inputs'],
    ['model.1', 'f', 0.5, 'model.1.f'],
    ['model.1', 'f', null, 'model.1.f'],
    ['model.1', 'i', 2, 'model.1.i'],
    ['model.9', 'f', list(-1, 1), 'joins feature maps of'],
    ['model.9', 'f', list(...Array.from({ length: 5 }, () => -1)), 'takes 32 channels and is given 80'],
    ['model.9', 'd', 2, 'model.9.d'],
    ['model.8', 'mode', 'bilinear', 'model.8.mode'],
    ['model.8', 'scale_factor', 3, 'model.8.scale_factor'],
    ['model.6.m', 'padding', 3, 'pads by more than half'],
    ['model.6.m', 'ceil_mode', true, 'model.6.m.ceil_mode'],
    ['model.2.m.0', 'add', 1, 'model.2.m.0.add'],
    ['model.14', 'nc', 10 ** 12, 'classes'],
    ['model.14', 'nc', 0, 'classes'],
    ['model.14', 'no', 99, '99 outputs'],
    ['model.14', 'na', 4, 'model.14.anchors'],
    ['model.14', 'stride', list(8, 16), 'model.14.stride'],
    ['model.14', 'f', list(10), 'model.14'],
    ['model.14', 'f', list(13, 10), 'model.14'],
    ['', 'names', list('one'), 'names'],
    ['', 'names', dict({ '0': 'a', '1': 'b' }), 'names'],
  ])('is refused: %s.%s = %o', async (place, name, value, says) => {
    const error = await refusal((checkpoint) => attributesAt(checkpoint, place).set(name, value));
    expect(error).toMatchObject({ code: 'CHECKPOINT_UNSUPPORTED', message: expect.stringContaining(says) });
  });

  it('is rejected if a module contains itself', async () => {
    const error = await refusal((checkpoint) => {
      registerAt(checkpoint, 'model.2.m', '_modules').set('0', moduleAt(checkpoint, 'model'));
    });
    expect(error).toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('contains itself'),
    });
  });

  it('is rejected if sharing turns a few modules into millions', async () => {
    let module = moduleOf('torch.nn.modules.linear.Identity', {});
    for (let depth = 0; depth < 40; depth++) module = moduleOf(SEQUENTIAL, { '0': module, '1': module });
    const error = await refusal((checkpoint) => registerAt(checkpoint, 'model.2', '_modules').set('m', module));
    expect(error).toMatchObject({ code: 'CHECKPOINT_UNSUPPORTED', message: expect.stringContaining('20000 modules') });
  });

  it('is rejected if maps become absurdly large', async () => {
    const error = await refusal((checkpoint) => {
      const upsample = moduleAt(checkpoint, 'model.8');
      const modules = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [String(index), upsample]));
      registerAt(checkpoint, 'model.2', '_modules').set('m', moduleOf(SEQUENTIAL, modules));
    });
    expect(error).toMatchObject({ code: 'CHECKPOINT_UNSUPPORTED', message: expect.stringContaining('would give') });
  });

  it('is rejected if it contains a parameter that nothing uses', async () => {
    const error = await refusal((checkpoint) => {
      const weight = registerAt(checkpoint, 'model.1.conv', '_parameters').get('weight') ?? null;
      registerAt(checkpoint, 'model.1', '_parameters').set('gate', weight);
    });
    expect(error).toMatchObject({ code: 'CHECKPOINT_UNSUPPORTED', message: expect.stringContaining('model.1.gate') });
  });

  it.each(['models.yolo.ClassificationModel', 'builtins.dict'])('is rejected as a network of %s', async (className) => {
    const error = await refusal((checkpoint) => {
      const at = className.lastIndexOf('.');
      const callable = { kind: 'global', module: className.slice(0, at), name: className.slice(at + 1) } as const;
      Object.assign(moduleAt(checkpoint, ''), { callable });
    });
    expect(error).toMatchObject({ code: 'CHECKPOINT_UNSUPPORTED', message: expect.stringContaining(className) });
  });

  it.each([
    ['model.1', 'act'],
    ['model.1', 'conv'],
    ['model.2', 'cv2'],
    ['model.6', 'm'],
    ['model.14', 'm'],
  ])('is refused when %s has no submodule %s', async (place, child) => {
    const error = await refusal((checkpoint) => registerAt(checkpoint, place, '_modules').delete(child));
    expect(error).toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining(`has no submodule ${child}`),
    });
  });

  it('may lack its batch normalisations, as fused networks do', async () => {
    const error = await refusal((checkpoint) => registerAt(checkpoint, 'model.1', '_modules').delete('bn'));
    expect(error).toBeUndefined();
  });

  it('is rejected if a weight is not a finite number', async () => {
    const checkpoint = await opened(fixture('v7.pt'));
    const reader: Reader = {
      readFloat32: async (tensor) => (await checkpoint.readFloat32(tensor)).fill(Number.NaN, 0, 1),
    };
    await expect(build(checkpoint, reader)).rejects.toMatchObject({
      code: 'CHECKPOINT_CORRUPT',
      message: expect.stringContaining('model.0.conv.weight'),
    });
  });
});
