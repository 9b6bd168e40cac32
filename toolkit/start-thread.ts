import { Worker } from 'node:worker_threads';
import { compiledFile } from '../config/package-files.ts';

/**
 * Starts a worker thread.
 *
 * @param entry - Source file of the thread, relative to the package folder, such as
 *   `toolkit/onnx/session/parity-thread.ts`.
 * @param workerData - Available to the thread as `workerData`.
 */
export function startThread(entry: string, workerData?: unknown): Worker {
  // Flags of the parent, such as a debugger port, are not inherited.
  return new Worker(compiledFile(entry), { execArgv: [], workerData });
}
