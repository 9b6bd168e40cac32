import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import type { ImageSpec } from '../custom-model/image-spec.ts';
import { serveRequests } from './inference-thread.ts';
import { exportAgain, openAsInRuns, openPlain, type SessionOptions } from './session.ts';
import { floatsOf, tensorOf } from './tile-tensors.ts';

/** Requests to the thread that runs models on the CPU to show how exact their arithmetic is. */
export type ParityThreadRequest =
  | { readonly kind: 'compare'; readonly job: ParityRequest }
  | { readonly kind: 'run'; readonly job: RunRequest };

export type ParityThreadAnswer =
  | { readonly kind: 'compared'; readonly result: ParityAnswer }
  | { readonly kind: 'ran'; readonly result: RunAnswer };

/** A model whose output on a probe is compared: as opened in runs, and as a plain graph. */
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
}

/** One run of a model on given numbers. */
export interface RunRequest {
  readonly path: string;
  /** How the model is opened: as in runs, with `laidOut` as in `SessionOptions`, or `plain`, without any optimisation. */
  readonly how: Required<Pick<SessionOptions, 'laidOut'>> | 'plain';
  /** Shape of the input, outermost axis first. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** Name of the output that is read. Default: the first. */
  readonly output?: string;
}

/** The output of a model. */
export interface RunAnswer {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Runs a model as in runs and as a plain graph, on the same probe. */
async function compare(request: ParityRequest): Promise<ParityAnswer> {
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
  return { maxDifference, outputRange: [low, high], elements: plain.length };
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

async function open({ path, how }: RunRequest): Promise<InferenceSession> {
  try {
    return await (how === 'plain' ? openPlain(path) : openAsInRuns(path, how.laidOut));
  } catch (cause) {
    if (!(cause instanceof ReigniteError) || cause.code !== 'MODEL_UNREADABLE') throw cause;
    // The usual remedy is for models that reignite converted; this one may be the user's own file.
    throw new ReigniteError(cause.code, cause.message, { cause, remedy: exportAgain() });
  }
}

/** Returns the input and the name of the output, checked before the model runs. */
function chosenValues(session: InferenceSession, { path, output }: RunRequest) {
  const [input, ...others] = session.inputMetadata;
  if (input?.isTensor !== true || others.length > 0) {
    throw new ReigniteError('INFERENCE_FAILED', `${path} has ${session.inputNames.length} inputs; one is needed.`, {
      remedy: 'Export the model with its image as the only input.',
    });
  }
  const { type } = input;
  if (type !== 'float32' && type !== 'float16' && type !== 'uint8') {
    throw new ReigniteError('INFERENCE_FAILED', `The input ${input.name} of ${path} is ${type}.`, {
      remedy: 'Export the model with an input of float32, float16 or uint8.',
    });
  }
  const name = output ?? session.outputNames[0] ?? '';
  if (!session.outputNames.includes(name)) {
    throw new ReigniteError('USAGE', `${path} has no output ${name}.`, {
      remedy: `Name one of its outputs with \`--output\`: ${session.outputNames.join(', ')}.`,
    });
  }
  return { input, type, name };
}

async function run(request: RunRequest): Promise<RunAnswer> {
  const session = await open(request);
  try {
    const { input, type, name } = chosenValues(session, request);
    const feeds = { [input.name]: tensorOf(type, request.values, request.shape) };
    const result = await session.run(feeds, [name]).catch((cause: unknown) => {
      throw runError(request, input.shape, cause);
    });
    return { shape: result[name]?.dims ?? [], values: numbersOf(result[name], name) };
  } finally {
    await session.release();
  }
}

function runError({ path, shape }: RunRequest, taken: readonly (number | string)[], cause: unknown): ReigniteError {
  const line = String(cause).split('\n')[0] ?? '';
  return new ReigniteError('INFERENCE_FAILED', `${path} failed on the input [${shape}]: ${line}`, {
    cause,
    remedy: `Give an \`--input\` of the shape that the model takes: [${taken.join(', ')}].`,
  });
}

function numbersOf(output: Tensor | undefined, name: string): Float32Array {
  try {
    return floatsOf(output, name);
  } catch (cause) {
    if (!(cause instanceof ReigniteError)) throw cause;
    const remedy = 'Name an output of floating-point numbers with `--output`, or export the model with one.';
    throw new ReigniteError(cause.code, cause.message, { cause, remedy });
  }
}

serveRequests<ParityThreadRequest, ParityThreadAnswer, never>(
  async (request) =>
    request.kind === 'run'
      ? { kind: 'ran', result: await run(request.job) }
      : { kind: 'compared', result: await compare(request.job) },
  async () => undefined,
);
