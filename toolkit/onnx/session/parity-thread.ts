import type { InferenceSession } from 'onnxruntime-node';
import type { ImageSpec } from '../custom-model/image-spec.ts';
import { ortVersion } from './engine.ts';
import { serveRequests } from './inference-thread.ts';
import { openAsInRuns, openPlain, type SessionOptions } from './session.ts';
import { floatsOf, tensorOf } from './tile-tensors.ts';

/** A model to compare, as opened in runs and as a plain graph. */
export interface ParityRequest {
  readonly path: string;
  /** As in `SessionOptions`. */
  readonly laidOut: NonNullable<SessionOptions['laidOut']>;
  readonly input: string;
  /** Every axis, outermost first. */
  readonly shape: readonly number[];
  /** Range of the probe's values. */
  readonly range: readonly [number, number];
  /** Element type of the input. @default float32 */
  readonly elementType?: ImageSpec['elementType'];
  readonly output: string;
}

export interface ParityAnswer {
  /** Largest absolute difference of two outputs. */
  readonly maxDifference: number;
  /** Smallest and largest value of the output. */
  readonly outputRange: readonly [number, number];
  readonly elements: number;
  readonly ortVersion: string;
}

/** Returns the same values each time, spread over the range without a regular pattern (a Weyl sequence). */
function probeOf({ shape, range: [low, high] }: ParityRequest): Float32Array {
  const length = shape.reduce((product, axis) => product * axis, 1);
  const step = 0.618_033_988_749_895;
  return Float32Array.from({ length }, (_, at) => low + (high - low) * ((at * step) % 1));
}

async function outputOf(session: InferenceSession, request: ParityRequest, probe: Float32Array): Promise<Float32Array> {
  try {
    const image = tensorOf(request.elementType ?? 'float32', probe, request.shape);
    const { [request.output]: output } = await session.run({ [request.input]: image }, [request.output]);
    return floatsOf(output, request.output);
  } finally {
    await session.release();
  }
}

serveRequests<ParityRequest, ParityAnswer, never>(
  async (request) => {
    const probe = probeOf(request);
    const inRuns = await outputOf(await openAsInRuns(request.path, request.laidOut), request, probe);
    const plain = await outputOf(await openPlain(request.path), request, probe);
    let maxDifference = 0;
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let at = 0; at < plain.length; at++) {
      const value = plain[at] ?? Number.NaN;
      const difference = Math.abs(value - (inRuns[at] ?? Number.NaN));
      if (!(difference <= maxDifference)) maxDifference = difference;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return { maxDifference, outputRange: [low, high], elements: plain.length, ortVersion: ortVersion() };
  },
  async () => undefined,
);
