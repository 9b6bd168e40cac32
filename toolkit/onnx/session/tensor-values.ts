import { Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { halfToNumber, toHalfBits } from '../../pytorch/tensors/half-float.ts';
import type { ImageSpec } from '../custom-model/image-spec.ts';

/** Converts numbers to a tensor: float16 rounded to nearest even, uint8 rounded and clipped. */
export function tensorOf(
  elementType: ImageSpec['elementType'],
  values: Float32Array,
  shape: readonly number[],
): Tensor {
  switch (elementType) {
    case 'float32':
      return new Tensor('float32', values, [...shape]);
    case 'float16':
      return new Tensor('float16', Uint16Array.from(values, toHalfBits), [...shape]);
    case 'uint8':
      return new Tensor('uint8', new Uint8Array(Uint8ClampedArray.from(values).buffer), [...shape]);
  }
}

/**
 * Returns a network's output as float32.
 *
 * @throws ReigniteError INFERENCE_FAILED if it is missing or not floating-point.
 */
export function floatsOf(output: Tensor | undefined, name: string): Float32Array {
  if (output?.type === 'float32' && output.data instanceof Float32Array) return output.data;
  // Since Node.js 24, float16 values may come as numbers instead of bits.
  if (output?.type === 'float16') {
    return output.data instanceof Uint16Array
      ? Float32Array.from(output.data, halfToNumber)
      : Float32Array.from(output.data, Number);
  }
  if (output?.type === 'float64') return Float32Array.from(output.data, Number);
  throw new ReigniteError(
    'INFERENCE_FAILED',
    `The output ${name} is ${output?.type ?? 'missing'}, not floating-point.`,
  );
}
