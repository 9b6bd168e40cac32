import { ReigniteError } from '../errors.ts';
import { readNpy } from '../numpy.ts';
import { InferenceThread } from '../onnx/session/inference-thread.ts';
import type { ParityThreadAnswer, ParityThreadRequest, RunAnswer, RunRequest } from '../onnx/session/parity-thread.ts';
import { startThread } from '../start-thread.ts';

/** An array of numbers with its shape, outermost axis first. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array;
}

/** The difference of two outputs. */
export interface OutputComparison {
  readonly shape: readonly number[];
  /** Whether the reference has its channels first and the model has them last. */
  readonly transposed: boolean;
  readonly elements: number;
  /** Largest and mean absolute difference; null if the outputs differ where one of them is not finite. */
  readonly maxDifference: number | null;
  readonly meanDifference: number | null;
  /** Indices of the largest difference in the reference. */
  readonly at: readonly number[];
  /** Smallest and largest number of the reference. */
  readonly range: readonly [number | null, number | null];
  readonly tolerance: number;
  /** Number of differences above the tolerance. */
  readonly beyond: number;
}

/**
 * Reads an array of floating-point numbers from a .npy file.
 *
 * @throws ReigniteError FILE_MISSING, NPY_INVALID.
 */
export async function readNumbers(path: string): Promise<Numbers> {
  const { dtype, shape, data } = await readNpy(path);
  if (dtype === 'float32' || dtype === 'float64') return { shape, values: data };
  return { shape, values: Float64Array.from(data, Number) };
}

/**
 * Runs a model once, on the CPU, in a thread.
 *
 * @param request - Which model, how, and on what.
 * @throws ReigniteError MODEL_UNREADABLE, INFERENCE_FAILED.
 */
export async function runOnce(request: RunRequest, signal?: AbortSignal): Promise<RunAnswer> {
  const thread = new InferenceThread<ParityThreadRequest, ParityThreadAnswer, never>(
    () => startThread('toolkit/onnx/session/parity-thread.ts'),
    ({ job }) => `it ran ${job.path}`,
  );
  try {
    const answer = await thread.ask({ kind: 'run', job: request }, signal === undefined ? {} : { signal });
    if (answer.kind === 'ran') return answer.result;
    throw new ReigniteError('INTERNAL', `The thread that runs models answered ${answer.kind} to run.`);
  } finally {
    await thread.close();
  }
}

/**
 * Compares the output of a model with that of a reference. Leading axes of length 1 do not matter; channels may be first in
 * the reference and last in the model, as in converted nnU-Net models.
 *
 * @param tolerance - Largest accepted difference.
 * @throws ReigniteError SIZE_MISMATCH for shapes that cannot be of the same output.
 */
export function compareOutputs(output: Numbers, reference: Numbers, tolerance: number): OutputComparison {
  const [a, b] = [withoutLeadingOnes(output.shape), withoutLeadingOnes(reference.shape)];
  const isSame = a.join() === b.join();
  const [channels = 0, ...sides] = b;
  const transposed = !isSame && b.length === 3 && a.join() === [...sides, channels].join();
  if (!isSame && !transposed) {
    throw new ReigniteError(
      'SIZE_MISMATCH',
      `The model gives [${output.shape}], the reference is [${reference.shape}].`,
      {
        remedy: 'Compare the same output for the same input, before any argmax or non-maximum suppression.',
      },
    );
  }
  const pixels = b.slice(1).reduce((product, side) => product * side, 1);
  const placeOf = (index: number) => (transposed ? (index % pixels) * channels + Math.floor(index / pixels) : index);
  return { shape: reference.shape, transposed, ...differences(output.values, reference, placeOf, tolerance) };
}

function differences(
  output: Numbers['values'],
  { values, shape }: Numbers,
  placeOf: (index: number) => number,
  tolerance: number,
): Omit<OutputComparison, 'shape' | 'transposed'> {
  let [largest, at, sum, beyond] = [-1, 0, 0, 0];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < values.length; index++) {
    const expected = values[index] ?? Number.NaN;
    const found = output[placeOf(index)] ?? Number.NaN;
    // Infinities of the same sign are equal; NaN equals nothing.
    const exact = expected === found ? 0 : Math.abs(expected - found);
    const difference = Number.isNaN(exact) ? Number.POSITIVE_INFINITY : exact;
    if (difference > largest) [largest, at] = [difference, index];
    if (difference > tolerance) beyond++;
    sum += difference;
    low = Math.min(low, expected);
    high = Math.max(high, expected);
  }
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    elements: values.length,
    maxDifference: finite(Math.max(0, largest)),
    meanDifference: finite(values.length === 0 ? 0 : sum / values.length),
    at: placeIn(shape, at),
    range: [finite(low), finite(high)],
    tolerance,
    beyond,
  };
}

function withoutLeadingOnes(shape: readonly number[]): readonly number[] {
  const first = shape.findIndex((length) => length !== 1);
  return first < 0 ? [] : shape.slice(first);
}

/** Returns the indices along each axis of an element in C order. */
function placeIn(shape: readonly number[], index: number): number[] {
  const place: number[] = [];
  let left = index;
  for (const length of [...shape].reverse()) {
    place.unshift(left % length);
    left = Math.floor(left / length);
  }
  return place;
}
