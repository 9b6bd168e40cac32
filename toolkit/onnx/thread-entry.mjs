// A thread's first file must be JavaScript: loaders registered by the program or by `--import` do not reach into
// threads on every Node that we support, so the thread registers its own and goes on in TypeScript.
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.entry);
