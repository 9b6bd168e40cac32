/** Batch normalisation as it is applied in inference; all tensors [channels], float32. */
export interface BatchNorm {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** Added to the variance before the root; PyTorch's default is 1e-5. */
  readonly epsilon: number;
}

/**
 * Returns convolution weights multiplied by the scale of the following batch normalisation.
 *
 * Computed in float64 and rounded once: folding in float32 would add another error to every weight.
 *
 * @param weight - [outputs, ...], float32, C order.
 * @param from - First channel of the normalisation that belongs to this convolution.
 * @returns A new array of the same shape.
 */
export function foldedWeight(
  weight: Float32Array,
  outputs: number,
  norm: Pick<BatchNorm, 'gamma' | 'variance' | 'epsilon'>,
  from = 0,
): Float32Array {
  const perOutput = weight.length / outputs;
  const folded = new Float32Array(weight.length);
  for (let out = 0; out < outputs; out++) {
    const scale = scaleOf(norm, from + out);
    const end = (out + 1) * perOutput;
    for (let i = out * perOutput; i < end; i++) folded[i] = at(weight, i) * scale;
  }
  return folded;
}

/**
 * Returns the convolution bias with the following batch normalisation applied, in float64 rounded once.
 *
 * @param bias - [outputs], float32; zeros if the convolution has none.
 * @param from - See `foldedWeight`.
 */
export function foldedBias(bias: Float32Array, norm: BatchNorm, from = 0): Float32Array {
  return bias.map((value, out) => {
    const channel = from + out;
    return (value - at(norm.mean, channel)) * scaleOf(norm, channel) + at(norm.beta, channel);
  });
}

function scaleOf(
  { gamma, variance, epsilon }: Pick<BatchNorm, 'gamma' | 'variance' | 'epsilon'>,
  channel: number,
): number {
  return at(gamma, channel) / Math.sqrt(at(variance, channel) + epsilon);
}

function at(values: Float32Array, index: number): number {
  return values[index] ?? Number.NaN;
}
