// Loaded into a command by NODE_OPTIONS: the threads of its inference worker wait until the file RELEASED_BY exists, so
// that a run stays open as long as a test needs. JavaScript, because it is loaded before any loader is registered.
import { existsSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const { RELEASED_BY, REIGNITE_WORKER } = process.env;

if (!isMainThread && REIGNITE_WORKER?.includes('["inference"]')) {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(RELEASED_BY)) Atomics.wait(pause, 0, 0, 50);
}
