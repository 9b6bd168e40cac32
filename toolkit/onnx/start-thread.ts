import { Worker } from 'node:worker_threads';

/**
 * Starts a thread whose entry file is TypeScript, from any current folder and also from within node_modules.
 *
 * @param entry - URL of the entry file.
 */
export function startThread(entry: URL): Worker {
  // No flags of the parent: a debugger's port or a loader there is not the thread's.
  return new Worker(new URL('./thread-entry.mjs', import.meta.url), {
    execArgv: [],
    workerData: { entry: entry.href },
  });
}
