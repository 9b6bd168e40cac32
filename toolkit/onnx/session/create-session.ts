import { InferenceSession } from 'onnxruntime-node';
import type { Provider } from './session.ts';

/**
 * Opens a session of ONNX Runtime in this thread, with the options that every network is opened with.
 *
 * @param model - Path of an ONNX file, or its bytes.
 * @param threads - Threads of one run; undefined takes the physical cores.
 * @param device - Number of the GPU, for CUDA.
 * @throws Error as ONNX Runtime gives it.
 */
export function createSession(
  model: string | Uint8Array,
  provider: Provider,
  threads: number | undefined,
  device = 0,
): Promise<InferenceSession> {
  const options = sessionOptions(provider, threads, device);
  return typeof model === 'string' ? InferenceSession.create(model, options) : InferenceSession.create(model, options);
}

function sessionOptions(
  provider: Provider,
  threads: number | undefined,
  device: number,
): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider === 'cuda' ? { name: 'cuda', deviceId: device } : provider],
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    // The channel-blocked layout comes with the last level only: a quarter of the time.
    graphOptimizationLevel: 'all',
    // A memory pattern would be allocated in addition to the first run's memory: 200 MB for the paper's network, and no
    // time gained.
    enableMemPattern: false,
    // Threads that wait for work asleep leave the cores to other processes: 9 to 20 % less time on a busy machine.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 4,
  };
}
