import { InferenceSession } from 'onnxruntime-node';
import type { Provider } from './session.ts';

/**
 * Opens an ONNX Runtime session in this thread, with the options that all networks are opened with.
 *
 * @param model - Path of an ONNX file, or its bytes.
 * @param threads - Threads of one run; undefined uses the physical cores.
 * @param device - Number of the GPU, for CUDA.
 * @throws Error from ONNX Runtime.
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
    // Only the highest level includes the channel-blocked layout, which takes a quarter of the time.
    graphOptimizationLevel: 'all',
    // A memory pattern would be allocated in addition to the memory of the first run: 200 MB for the paper's network,
    // without saving time.
    enableMemPattern: false,
    // Threads that sleep while they wait leave the cores to other processes: 9 to 20 % less time on a busy machine.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
    logSeverityLevel: 4,
  };
}
