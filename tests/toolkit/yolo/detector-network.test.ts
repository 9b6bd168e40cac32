import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../toolkit/onnx/file/model-file.ts';
import type { Checkpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import {
  isPickleObject,
  type PickleGlobal,
  type PickleReduced,
  type PickleValue,
} from '../../../toolkit/pytorch/pickle/value.ts';
import { detectorGraph } from '../../../toolkit/yolo/convert/detector-graph.ts';
import { detectorFamily, readDetectorNetwork } from '../../../toolkit/yolo/convert/detector-network.ts';
import { TensorUsage } from '../../../toolkit/yolo/convert/module-tree.ts';
import { fixture, opened, SIZE } from './support/fixtures.ts';
import { attributesAt, dict, list, moduleAt, moduleOf, registerAt } from './support/pickle-tree.ts';

const MODULE = 'torch.nn.parallel.distributed.DistributedDataParallel';

async function converted(checkpoint: Checkpoint): Promise<Buffer> {
  const network = await readDetectorNetwork(checkpoint);
  const usage = new TensorUsage(network.root, checkpoint.path, checkpoint);
  return Buffer.from(await encodeModel(detectorGraph(network, usage, { height: SIZE, width: SIZE }).graph));
}

/** The checkpoint of the fixture, as something else may hold its network. */
async function changed(change: (network: PickleReduced, checkpoint: Checkpoint) => PickleValue): Promise<Checkpoint> {
  const checkpoint = await opened(fixture('v7.pt'));
  const root = change(moduleAt(checkpoint, ''), checkpoint);
  return { ...checkpoint, path: checkpoint.path, root, readFloat32: (tensor) => checkpoint.readFloat32(tensor) };
}

const autoShape = (network: PickleReduced) =>
  moduleOf('yolov5.models.common.AutoShape', {
    model: moduleOf('yolov5.models.common.DetectMultiBackend', { model: network }),
  });

/** As a checkout in another folder has the packages of a network. */
const inFolder = (of: PickleGlobal): PickleGlobal => ({
  ...of,
  module: of.module.startsWith('models.') ? `src.detection.yolov5_master.${of.module}` : of.module,
});
/** C3x has the same chain as C3 with other kernels. */
const crossed = (of: PickleGlobal): PickleGlobal => (of.name === 'Bottleneck' ? { ...of, name: 'CrossConv' } : of);

/** Renames the classes of a network. */
function renamed(value: PickleValue, rename: (of: PickleGlobal) => PickleGlobal): PickleValue {
  if (!isPickleObject(value)) return value;
  if (value.kind === 'dict') {
    const entries = Array.from(value.entries, ([key, each]) => [key, renamed(each, rename)] as const);
    return { ...value, entries: new Map(entries) };
  }
  if (value.kind !== 'reduced' || value.callable.kind !== 'global') return value;
  const state = value.state === undefined ? undefined : renamed(value.state, rename);
  return { ...value, callable: rename(value.callable), state };
}

describe('readDetectorNetwork', () => {
  it.each<[what: string, change: (network: PickleReduced) => PickleValue]>([
    ['a module that is the whole file', (network) => network],
    ['a module under another key', (network) => dict({ epoch: 3, net: network })],
    [
      'a DataParallel',
      (module) => dict({ model: moduleOf('torch.nn.parallel.data_parallel.DataParallel', { module }) }),
    ],
    ['a DistributedDataParallel', (module) => dict({ ema: moduleOf(MODULE, { module }) })],
    ['an AutoShape with its backend', autoShape],
    ['the model, if the moving average is empty', (network) => dict({ model: network, ema: dict({}) })],
    ['the model, if the moving average is false', (network) => dict({ model: network, ema: false })],
    ['an ensemble of one', (network) => moduleOf('models.experimental.Ensemble', { '0': network })],
    ['a package of another name', (network) => dict({ model: renamed(network, inFolder) })],
    ['bottlenecks of the class CrossConv', (network) => dict({ model: renamed(network, crossed) })],
  ])('finds the network in %s', async (_, change) => {
    const expected = await converted(await opened(fixture('v7.pt')));
    expect((await converted(await changed(change))).equals(expected)).toBe(true);
  });

  it('names a moving average that is not a network, next to a network', async () => {
    const both = (network: PickleReduced) => dict({ model: network, ema: dict({ weight: 1 }) });
    await expect(readDetectorNetwork(await changed(both))).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('its ema, which YOLOv5 and Ultralytics prefer to its model'),
    });
  });

  it('names an ensemble of several', async () => {
    const both = (network: PickleReduced) => moduleOf('models.experimental.Ensemble', { '0': network, '1': network });
    await expect(readDetectorNetwork(await changed(both))).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('an ensemble of several networks'),
      remedy: expect.stringContaining('export the ensemble to ONNX'),
    });
  });

  it('ends with wrappers that hold each other', async () => {
    const loop = moduleOf(MODULE, {});
    const state = loop.state;
    if (!isPickleObject(state) || state.kind !== 'dict') throw new TypeError('A module has attributes');
    state.entries.set('_modules', dict({ module: loop }));
    await expect(readDetectorNetwork(await changed(() => loop))).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('contains itself'),
    });
  });

  it('takes batch normalisation that was synchronised over devices, and classes that are called by number', async () => {
    const synchronised = await opened(fixture('v7.pt'));
    const norm = moduleAt(synchronised, 'model.1.bn');
    const callable = { kind: 'global', module: 'torch.nn.modules.batchnorm', name: 'SyncBatchNorm' } as const;
    registerAt(synchronised, 'model.1', '_modules').set('bn', { ...norm, callable });
    const expected = await converted(await opened(fixture('v7.pt')));
    expect((await converted(synchronised)).equals(expected)).toBe(true);
    attributesAt(synchronised, '').set('names', list(0, 1));
    expect((await readDetectorNetwork(synchronised)).names).toEqual(['0', '1']);
  });
});

describe('a network that cannot be used', () => {
  /** The fixture with a first convolution for images of another number of channels. */
  async function ofChannels(channels: number): Promise<Checkpoint> {
    const checkpoint = await opened(fixture('v7.pt'));
    const parameters = registerAt(checkpoint, 'model.0.conv', '_parameters');
    const weight = parameters.get('weight');
    if (!isPickleObject(weight) || weight.kind !== 'tensor') throw new TypeError('A convolution has weights');
    const [filters = 0, , ...sides] = weight.shape;
    parameters.set('weight', { ...weight, shape: [filters, channels, ...sides] });
    return checkpoint;
  }

  it.each([
    [1, 'takes images of 1 channel,'],
    [4, 'takes images of 4 channels,'],
  ])('names images of %s channels when it is read and when it is described', async (channels, message) => {
    const checkpoint = await ofChannels(channels);
    const remedy = expect.stringContaining('export.py --weights v7.pt');
    await expect(readDetectorNetwork(checkpoint)).rejects.toMatchObject({
      message: expect.stringContaining(message),
      remedy,
    });
    expect(detectorFamily(checkpoint.root, checkpoint.path)).toMatchObject({ remedy });
  });

  it('is described with the command that exports it, if there is one', async () => {
    const named = async (name: string) => {
      const { root, path } = await changed((network) => ({
        ...network,
        callable: { kind: 'global', module: 'ultralytics.nn.tasks', name },
      }));
      return detectorFamily(root, path)?.remedy;
    };
    expect(await named('WorldModel')).toContain('yolo export model=v7.pt format=onnx');
    for (const task of ['YOLOESegModel', 'PoseModel']) expect(await named(task)).toContain('of the task `detect`');
    expect(await named('DetectionModel')).toBeUndefined();
  });
});
