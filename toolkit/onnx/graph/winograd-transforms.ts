/**
 * Winograd's F(4 x 4, 3 x 3): 4 x 4 outputs of a 3 x 3 convolution from 36 products instead of 144.
 *
 * A polynomial of degree 5 is determined by its values at 0, ±A, ±B and its leading coefficient. The usual points 0,
 * ±1, ±2 give entries that differ by a factor of 16, and rounding errors 2.2 times as large as these, which are exact
 * in float32.
 *
 * @see Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016; on the choice of points Barabasz
 *   et al., Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks, 2020.
 */
const A = 5 / 8;
const B = 3 / 2;

/** Side of the square of outputs that are computed together, px. */
export const TILE = 4;
/** Side of the square of pixels that they depend on, px. */
export const REACH = TILE + 2;
/** Products per tile and pair of channels. */
export const PRODUCTS = REACH * REACH;

const [A2, B2] = [A * A, B * B];

/** REACH x REACH: maps six pixels of a line to the values at the six points. */
const OF_PIXELS = [
  [A2 * B2, 0, -(A2 + B2), 0, 1, 0],
  [0, -A * B2, -B2, A, 1, 0],
  [0, A * B2, -B2, -A, 1, 0],
  [0, -B * A2, -A2, B, 1, 0],
  [0, B * A2, -A2, -B, 1, 0],
  [0, A2 * B2, 0, -(A2 + B2), 0, 1],
];

/** REACH x 3: maps three weights of a line to the values at the six points. */
const OF_WEIGHTS = [...[0, A, -A, B, -B].map(valuesOfWeights), [0, 0, 1]];

/** TILE x REACH: maps products at the six points to four outputs. */
const OF_PRODUCTS = Array.from({ length: TILE }, (_, power) => [
  ...[0, A, -A, B, -B].map((point) => point ** power),
  power === TILE - 1 ? 1 : 0,
]);

function valuesOfWeights(point: number): readonly number[] {
  const others = [0, A, -A, B, -B].filter((other) => other !== point);
  const scale = others.reduce((product, other) => product * (point - other), 1);
  return [1 / scale, point / scale, point ** 2 / scale];
}

/** Applies a transform along both axes at once, as a Kronecker product: [rows², columns²]. */
function onBothAxes(lines: readonly (readonly number[])[]): Float32Array {
  const [rows, columns] = [lines.length, lines[0]?.length ?? 0];
  const both = new Float32Array(rows * rows * columns * columns);
  let at = 0;
  for (const down of lines) {
    for (const across of lines) for (const y of down) for (const x of across) both[at++] = y * x;
  }
  return both;
}

/** Returns the transform of a tile's pixels: PRODUCTS filters of REACH x REACH px. */
export function pixelTransform(): Float32Array {
  return onBothAxes(OF_PIXELS);
}

/** Returns the transform of a tile's products to its outputs: TILE² x PRODUCTS. */
export function productTransform(): Float32Array {
  return onBothAxes(OF_PRODUCTS);
}

/**
 * Transforms the weights of a convolution to the factors of its products.
 *
 * @param weight - outputs x inputs x 3 x 3 float32.
 * @returns PRODUCTS x outputs x inputs float32, computed in float64 and rounded once.
 */
export function transformWeights(weight: Float32Array, outputs: number, inputs: number): Float32Array {
  const pairs = outputs * inputs;
  const factors = new Float32Array(PRODUCTS * pairs);
  const ofWeights = Float64Array.from(OF_WEIGHTS.flat());
  const columns = new Float64Array(REACH * 3);
  for (let pair = 0; pair < pairs; pair++) {
    for (let x = 0; x < 3; x++) {
      const [top, centre, bottom] = [weight[9 * pair + x], weight[9 * pair + 3 + x], weight[9 * pair + 6 + x]];
      combine(ofWeights, top ?? 0, centre ?? 0, bottom ?? 0, columns, x, 3);
    }
    for (let i = 0; i < REACH; i++) {
      const [left, centre, right] = [columns[3 * i], columns[3 * i + 1], columns[3 * i + 2]];
      combine(ofWeights, left ?? 0, centre ?? 0, right ?? 0, factors, REACH * i * pairs + pair, pairs);
    }
  }
  return factors;
}

/** Writes the values of three weights at the six points, every `stride` elements. */
function combine(
  ofWeights: Float64Array,
  u: number,
  v: number,
  w: number,
  into: Float64Array | Float32Array,
  from: number,
  stride: number,
): void {
  for (let point = 0; point < REACH; point++) {
    into[from + point * stride] =
      (ofWeights[3 * point] ?? 0) * u + (ofWeights[3 * point + 1] ?? 0) * v + (ofWeights[3 * point + 2] ?? 0) * w;
  }
}
