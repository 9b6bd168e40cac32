import { childOf, type Feature, type Layers, onlyInput, unsupportedModule } from '../layers.ts';
import type { ModuleNode } from '../module-tree.ts';
import { type Conv2dShape, convBlock, type WeightRewrite } from './convolution.ts';

/** Row and column of the four groups of channels that Focus makes from a 2 x 2 block, in its order. */
const PARTS = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
] as const;

/**
 * `models.common.Focus`, the first layer up to release 5.0: every 2 x 2 block of pixels becomes four groups of
 * channels, then a convolution.
 *
 * Built as the equivalent single convolution over the image, with twice the kernel, stride and padding. Release 6.0 made
 * the same change, see https://github.com/ultralytics/yolov5/pull/4825.
 */
export function focus(layers: Layers, module: ModuleNode, inputs: readonly Feature[]): Feature {
  const x = onlyInput(layers, module, inputs);
  if (x.height % 2 !== 0 || x.width % 2 !== 0) {
    throw unsupportedModule(layers, module, `halves an image of ${x.height} x ${x.width} px`);
  }
  return convBlock(layers, childOf(layers, module, 'conv'), x, (shape) => {
    const isPlain = shape.groups === 1 && shape.dilation.every((step) => step === 1);
    if (!isPlain || shape.inputs % PARTS.length !== 0)
      throw unsupportedModule(layers, module, 'has an unusual convolution');
    return overPixels(shape);
  });
}

function overPixels(shape: Conv2dShape): WeightRewrite {
  const { outputs, kernel, stride, padding } = shape;
  const inputs = shape.inputs / PARTS.length;
  const [height, width] = kernel;
  return {
    inputs,
    kernel: [2 * height, 2 * width],
    stride: [2 * stride[0], 2 * stride[1]],
    padding: [2 * padding[0], 2 * padding[1]],
    weight: (weight) => {
      const result = new Float32Array(weight.length);
      let from = 0;
      for (let out = 0; out < outputs; out++) {
        for (const [row, column] of PARTS) {
          for (let channel = 0; channel < inputs; channel++) {
            const plane = (out * inputs + channel) * 4 * height * width;
            for (let y = 0; y < height; y++) {
              for (let x = 0; x < width; x++) {
                result[plane + (2 * y + row) * 2 * width + 2 * x + column] = weight[from++] ?? 0;
              }
            }
          }
        }
      }
      return result;
    },
  };
}
