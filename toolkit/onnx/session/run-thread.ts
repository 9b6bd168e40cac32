import type { InferenceSession } from 'onnxruntime-node';
import { ReigniteError } from '../../errors.ts';
import { serveRequests } from '../../threads/serve-requests.ts';
import { openAsInRuns, openPlain } from './open-for-parity.ts';
import { floatsOf, tensorOf } from './tensor-values.ts';

/** One run of a model on given numbers. */
export interface RunRequest {
  readonly path: string;
  /** As in runs, laid out or not as in `SessionOptions`; or the graph as it is, without any optimisation. */
  readonly how: { readonly laidOut: boolean } | 'plain';
  /** Shape of the input, outermost axis first. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** Name of the output that is read. Default: the first. */
  readonly output?: string;
}

/** What a model gave. */
export interface RunAnswer {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function open({ path, how }: RunRequest): Promise<InferenceSession> {
  return how === 'plain' ? openPlain(path) : openAsInRuns(path, how.laidOut);
}

async function run(request: RunRequest): Promise<RunAnswer> {
  const session = await open(request);
  try {
    const [input, ...others] = session.inputMetadata;
    if (input?.isTensor !== true || others.length > 0) {
      throw new ReigniteError(
        'INFERENCE_FAILED',
        `${request.path} has ${session.inputNames.length} inputs; one is needed.`,
      );
    }
    const { type } = input;
    if (type !== 'float32' && type !== 'float16' && type !== 'uint8') {
      throw new ReigniteError('INFERENCE_FAILED', `The input ${input.name} of ${request.path} is ${type}.`);
    }
    const name = request.output ?? session.outputNames[0] ?? '';
    const result = await session.run({ [input.name]: tensorOf(type, request.values, request.shape) }, [name]);
    return { shape: result[name]?.dims ?? [], values: floatsOf(result[name], name) };
  } catch (cause) {
    if (cause instanceof ReigniteError) throw cause;
    const line = String(cause).split('\n')[0] ?? '';
    throw new ReigniteError('INFERENCE_FAILED', `${request.path} failed on the input [${request.shape}]: ${line}`, {
      cause,
    });
  } finally {
    await session.release();
  }
}

serveRequests<RunRequest, RunAnswer, never>(run, async () => undefined);
