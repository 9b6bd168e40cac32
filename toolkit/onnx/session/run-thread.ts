import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { serveRequests } from './inference-thread.ts';
import { exportAgain, openAsInRuns, openPlain, type SessionOptions } from './session.ts';
import { floatsOf, tensorOf } from './tile-tensors.ts';

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

serveRequests<RunRequest, RunAnswer, never>(run, async () => undefined);
