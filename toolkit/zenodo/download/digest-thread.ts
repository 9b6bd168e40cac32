import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { DigestThreadData } from './digests.ts';

// Hashes a file while it is being written. Imports only Node modules, so that it starts within milliseconds.
const { path, algorithm, shared }: DigestThreadData = workerData;
/** [0] counts changes, for `Atomics.wait`; [1] generation of the file, -1 to end the thread. */
const signals = new Int32Array(shared, 0, 2);
/** [0] bytes written so far; [1] length of the complete file, -1 while unknown. */
const lengths = new BigInt64Array(shared, 8, 2);
const buffer = Buffer.allocUnsafe(1 << 20);

let generation = 0;
let done = false;
let hash = createHash(algorithm);
let position = 0;
let file: number | undefined;

function restart(next: number): void {
  if (file !== undefined) closeSync(file);
  file = undefined;
  hash = createHash(algorithm);
  position = 0;
  generation = next;
  done = false;
}

/** @returns Whether there was something to do. */
function advance(): boolean {
  const available = Number(Atomics.load(lengths, 0));
  if (position < available) {
    file ??= openSync(path, 'r');
    const count = readSync(file, buffer, 0, Math.min(buffer.length, available - position), position);
    hash.update(buffer.subarray(0, count));
    position += count;
    return count > 0;
  }
  if (position !== Number(Atomics.load(lengths, 1))) return false;
  parentPort?.postMessage({ generation, digest: hash.digest('hex') });
  done = true;
  return false;
}

for (;;) {
  const seen = Atomics.load(signals, 0);
  const wanted = Atomics.load(signals, 1);
  if (wanted === -1) break;
  if (wanted !== generation) restart(wanted);
  if (done || !advance()) Atomics.wait(signals, 0, seen);
}
if (file !== undefined) closeSync(file);
