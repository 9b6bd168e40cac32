import { isMainThread } from 'node:worker_threads';

const SWITCH = 'NVIDIA_TF32_OVERRIDE';

/**
 * Makes NVIDIA's libraries compute in full float32, as the keys of results say. Those libraries read the environment when
 * they are loaded, which is with the first session on CUDA. onnxruntime-node cannot pass `use_tf32` to the provider.
 *
 * Only the main thread can change the environment of the process; a thread has a copy of it.
 */
export function switchOffTf32(): void {
  if (isMainThread) process.env[SWITCH] = '0';
}

/** Whether `switchOffTf32` was called before this thread was started. */
export function isTf32Off(): boolean {
  return process.env[SWITCH] === '0';
}
