import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Made, make } from '../../toolkit/cache/make.ts';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFolders, makeFolder } from '../../toolkit/files/folders.ts';
import { RunStorage } from '../../toolkit/storage/run-storage.ts';
import { openS3Store, type S3StoreOptions } from '../../toolkit/storage/s3-store.ts';
import type { BucketFault } from './fake-s3.ts';
import { randomNumbers } from './random-numbers.ts';

/** Number of results that the machines compute. */
const RESULTS = 3;
const FAULTS: readonly BucketFault[] = [500, 503, 'cut', 'half', 'lost reply', 'stale'];
/** Limit of attempts; more mean that the fault is permanent. */
const MAX_ATTEMPTS = 200;

/** The outcome of a schedule of faults. */
export interface FaultsOutcome {
  /** Requests that were answered with a fault. */
  readonly faults: number;
  /** Attempts that failed and were repeated. */
  readonly retried: number;
}

export interface FaultyBucket {
  /** Options for the server, or for the proxy in front of it. */
  readonly options: S3StoreOptions;
  /** Sets the function that decides on the fault of each request. */
  setFaults(decide: () => BucketFault | undefined): void;
}

/**
 * Lets two machines compute the same results at the same time through a bucket with random faults. A third one must
 * then find all of them, correct.
 *
 * @param root - An empty folder.
 * @param share - Share of requests that fail.
 * @throws Error if a result is lost, wrong or stored twice.
 */
export async function playBucketFaults(
  bucket: FaultyBucket,
  { seed, share, root }: { readonly seed: number; readonly share: number; readonly root: string },
): Promise<FaultsOutcome> {
  const random = randomNumbers(seed);
  let faults = 0;
  bucket.setFaults(() => {
    if (random.share() >= share) return undefined;
    faults += 1;
    return random.oneOf(FAULTS);
  });
  const address = `s3://bucket/seed-${seed}`;
  const machines = ['one', 'two'].map((name) => machineOf(join(root, name), address, bucket.options));
  const retried = await Promise.all(machines.map((machine) => makeAll(machine)));
  bucket.setFaults(() => undefined);
  const third = machineOf(join(root, 'three'), address, bucket.options);
  for (let result = 0; result < RESULTS; result++) await expectStored(third, seed, result);
  return { faults, retried: retried.reduce((sum, each) => sum + each, 0) };

  async function makeAll(machine: Machine): Promise<number> {
    let again = 0;
    for (let result = 0; result < RESULTS; result++) {
      for (let attempt = 1; ; attempt++) {
        try {
          const { entry } = await makeOne(machine, seed, result);
          if (String(Object(entry.facts).result) !== String(result))
            throw new Error(`Result ${result} is another one.`);
          break;
        } catch (error) {
          if (!(error instanceof ReigniteError) || !error.retryable || attempt > MAX_ATTEMPTS) throw error;
          again += 1;
        }
      }
    }
    return again;
  }
}

type Machine = ReturnType<typeof machineOf>;

function machineOf(folder: string, address: string, options: S3StoreOptions) {
  const home = homeFolders(folder);
  const storage = new RunStorage(openS3Store(address, options));
  return { home, storage, cache: new StepCache(home.cache, undefined, undefined, storage.entries) };
}

const textOf = (seed: number, result: number) => `result ${result} of seed ${seed} `.repeat(500);
const partsOf = (seed: number, result: number) => ({ step: 'test', seed, result });

function makeOne(machine: Machine, seed: number, result: number): Promise<Made> {
  const work = async (folder: string, save: () => Promise<void>) => {
    await makeFolder(join(folder, 'partial'));
    await writeFile(join(folder, 'partial', 'tile-0.bin'), `tile of ${result}`);
    await save();
    const path = join(folder, 'out.txt');
    await writeFile(path, textOf(seed, result));
    return { files: { 'out.txt': path }, facts: { result } };
  };
  return make(machine, partsOf(seed, result), work, { resumable: true });
}

async function expectStored({ cache }: Machine, seed: number, result: number): Promise<void> {
  const key = cache.keyOf(partsOf(seed, result));
  const entry = await cache.find(key);
  if (entry === undefined) throw new Error(`Seed ${seed}: result ${result} is lost.`);
  const text = await readFile(cache.pathOf(key, 'out.txt'), 'utf8');
  if (text !== textOf(seed, result)) throw new Error(`Seed ${seed}: result ${result} has other contents.`);
}
