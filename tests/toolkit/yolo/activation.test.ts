import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { encodeModel } from '../../../toolkit/onnx/file/model-file.ts';
import { GraphBuilder } from '../../../toolkit/onnx/graph/graph.ts';
import type { PickleValue } from '../../../toolkit/pytorch/pickle/value.ts';
import { readModuleTree, TensorUsage } from '../../../toolkit/yolo/convert/module-tree.ts';
import { activation } from '../../../toolkit/yolo/convert/modules/convolution.ts';
import { dict, moduleOf } from './support/pickle-tree.ts';

const INPUT = [-8, -3, -1, -0.25, 0, 0.5, 1, 2.75, 6.5];

/** Of PyTorch 2.5.1. */
it.each<[name: string, attributes: Readonly<Record<string, PickleValue>>, expected: readonly number[]]>([
  ['ReLU6', {}, [0, 0, 0, 0, 0, 0.5, 1, 2.75, 6]],
  ['Mish', {}, [-0.002683251, -0.1456475, -0.3034014, -0.129927, 0, 0.3752452, 0.8650984, 2.730214, 6.49997]],
  ['ELU', { alpha: 0.7 }, [-0.6997651, -0.665149, -0.4424844, -0.1548394, 0, 0.5, 1, 2.75, 6.5]],
  ['GELU', { approximate: 'none' }, [0, -0.004050225, -0.1586553, -0.1003234, 0, 0.3457312, 0.8413447, 2.741806, 6.5]],
  ['Sigmoid', {}, [0.0003353501, 0.04742587, 0.2689414, 0.4378235, 0.5, 0.6224594, 0.7310586, 0.9399133, 0.9984988]],
])('applies %s as PyTorch does', async (name, attributes, expected) => {
  const pickled = moduleOf(`torch.nn.modules.activation.${name}`, {});
  const state = dict({ ...attributes, _parameters: dict({}), _buffers: dict({}), _modules: dict({}) });
  const root = { value: { ...pickled, state }, keys: '', file: 'x.pt', code: 'CHECKPOINT_UNSUPPORTED' } as const;
  const module = readModuleTree(root);
  const graph = new GraphBuilder('activation');
  const usage = new TensorUsage(module, 'x.pt', { readFloat32: async () => new Float32Array() });
  const value = graph.input('x', 'float32', [1, 1, 1, INPUT.length]);
  const feature = { value, channels: 1, height: 1, width: INPUT.length };
  const y = activation({ graph, usage, build: () => feature }, { ...module, place: 'act' }, feature);
  graph.output(y.value, 'float32', [1, 1, 1, INPUT.length]);
  const session = await InferenceSession.create(await encodeModel(graph.build()));
  const { act } = await session.run({ x: new Tensor('float32', Float32Array.from(INPUT), [1, 1, 1, INPUT.length]) });
  await session.release();
  expect(act?.data).toHaveLength(INPUT.length);
  for (const [at, wanted] of expected.entries()) expect(Math.abs(Number(act?.data[at]) - wanted)).toBeLessThan(2e-6);
});
