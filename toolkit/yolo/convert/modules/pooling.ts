import { maxPool } from '../../../onnx/graph/operators.ts';
import {
  checkedFeature,
  childOf,
  type Feature,
  type Layers,
  onlyInput,
  pairAttribute,
  requireAttribute,
  unsupportedModule,
} from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { joined } from './blocks.ts';
import { convBlock, convOutputLength } from './convolution.ts';

const MAX_POOL = 'torch.nn.modules.pooling.MaxPool2d';
const MODULE_LIST = 'torch.nn.modules.container.ModuleList';

/** `models.common.SPP` of releases up to 5.0: the input and several max poolings of it, concatenated. */
export function spp(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = convBlock(layers, childOf(layers, module, 'cv1'), onlyInput(layers, module, inputs));
  const pools = childOf(layers, module, 'm');
  if (pools.className !== MODULE_LIST) throw unsupportedModule(layers, pools, 'is not a known list of modules');
  const pooled = [...pools.children.values()].map((pool) => pooling(layers, pool, pool.place, x));
  return convBlock(layers, childOf(layers, module, 'cv2'), joined(layers, module, [x, ...pooled]));
}

/** `models.common.SPPF`: the same max pooling applied three times, with all stages concatenated. */
export function sppf(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = convBlock(layers, childOf(layers, module, 'cv1'), onlyInput(layers, module, inputs));
  const pool = childOf(layers, module, 'm');
  const once = pooling(layers, pool, `${pool.place}.1`, x);
  const twice = pooling(layers, pool, `${pool.place}.2`, once);
  const thrice = pooling(layers, pool, `${pool.place}.3`, twice);
  return convBlock(layers, childOf(layers, module, 'cv2'), joined(layers, module, [x, once, twice, thrice]));
}

/** `torch.nn.MaxPool2d` as a separate layer. */
export function maxPoolModule(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  return pooling(layers, module, module.place, onlyInput(layers, module, inputs));
}

/** Builds a max pooling. @param name - Name of the node; a pooling may be used several times. */
export function pooling(layers: Layers, module: ModuleNode, name: string, x: Feature): Feature {
  if (module.className !== MAX_POOL) throw unsupportedModule(layers, module, 'is not a known pooling');
  requireAttribute(module, 'ceil_mode', false);
  requireAttribute(module, 'return_indices', false);
  const kernel = pairAttribute(module, 'kernel_size', 1);
  const stride = pairAttribute(module, 'stride', 1);
  const padding = pairAttribute(module, 'padding', 0);
  const dilation = pairAttribute(module, 'dilation', 1);
  if (padding.some((pad, axis) => 2 * pad > (kernel[axis] ?? 0))) {
    throw unsupportedModule(layers, module, 'pads by more than half its kernel');
  }
  return checkedFeature(layers, module, {
    value: maxPool(layers.graph, name, x.value, { kernel, stride, padding, dilation }),
    channels: x.channels,
    height: convOutputLength(x.height, kernel[0], stride[0], padding[0], dilation[0]),
    width: convOutputLength(x.width, kernel[1], stride[1], padding[1], dilation[1]),
  });
}
