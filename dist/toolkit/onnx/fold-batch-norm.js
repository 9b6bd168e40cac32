/**
 * Convolution weights with the scale of the following batch normalisation multiplied in.
 *
 * Computed in float64 and rounded once: folding in float32 would add an error of its own to every weight.
 *
 * @param weight - [outputs, ...], float32, C order.
 * @param from - First channel of the normalisation that belongs to this convolution.
 * @returns A new array of the same shape.
 */
export function foldedWeight(weight, outputs, norm, from = 0) {
    const perOutput = weight.length / outputs;
    const folded = new Float32Array(weight.length);
    for (let out = 0; out < outputs; out++) {
        const scale = scaleOf(norm, from + out);
        const end = (out + 1) * perOutput;
        for (let i = out * perOutput; i < end; i++)
            folded[i] = at(weight, i) * scale;
    }
    return folded;
}
/**
 * Convolution bias with the following batch normalisation applied, in float64 rounded once.
 *
 * @param bias - [outputs], float32; zeros where the convolution has none.
 * @param from - As for the weights.
 */
export function foldedBias(bias, norm, from = 0) {
    return bias.map((value, out) => {
        const channel = from + out;
        return (value - at(norm.mean, channel)) * scaleOf(norm, channel) + at(norm.beta, channel);
    });
}
function scaleOf({ gamma, variance, epsilon }, channel) {
    return at(gamma, channel) / Math.sqrt(at(variance, channel) + epsilon);
}
function at(values, index) {
    return values[index] ?? Number.NaN;
}
