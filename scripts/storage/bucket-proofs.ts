import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { playBucketFaults } from '../../tests/support/bucket-faults.ts';
import { Blobs } from '../../toolkit/storage/object-store.ts';
import { openS3Store } from '../../toolkit/storage/s3-store.ts';
import type { Proof } from '../proof.ts';
import { type BucketProxy, startBucketProxy } from './bucket-proxy.ts';

/** Share of requests that fail. */
const SHARE = 0.3;
/** Number of results that each schedule stores. */
const RESULTS = 3;

/**
 * Runs schedules of faults against a real S3 server: two machines compute the same results while requests fail.
 *
 * @param moto - Port of the S3 server, which must have a bucket `bucket`.
 */
export async function proveFaults(proof: Proof, moto: number, seeds: number): Promise<void> {
  const proxy = await startBucketProxy(moto);
  proof.atEnd(() => proxy.close());
  const credentials = { accessKeyId: 'proof', secretAccessKey: 'proof' };
  const client = { endpoint: `http://127.0.0.1:${proxy.port}`, region: 'us-east-1', credentials };
  const bucket = {
    options: { client, retries: { attempts: 4, firstMs: 5, longestMs: 20 } },
    setFaults: (decide: BucketProxy['fault']) => {
      proxy.fault = decide;
    },
  };
  let faults = 0;
  let retried = 0;
  for (let seed = 0; seed < seeds && !proof.signal.aborted; seed++) {
    const root = join(proof.folder, `seed-${seed}`);
    const outcome = await playBucketFaults(bucket, { seed, share: SHARE, root });
    faults += outcome.faults;
    retried += outcome.retried;
    rmSync(root, { recursive: true, force: true });
  }
  const [entries, objects] = [await countStored(moto, 'cache', seeds), await countStored(moto, 'objects', seeds)];
  const stored = `${entries} results stored as ${objects} objects (${RESULTS * seeds} each: none lost, none twice)`;
  const said = `${seeds} schedules of faults: ${faults} faults, ${retried} attempts repeated, ${stored}`;
  proof.figure(said, faults > 0 && entries === RESULTS * seeds && objects === RESULTS * seeds);
}

async function countStored(moto: number, kind: string, seeds: number): Promise<number> {
  let stored = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const list = await fetch(`http://127.0.0.1:${moto}/bucket?list-type=2&prefix=seed-${seed}/${kind}/`);
    const keys = (await list.text()).match(/<Key>/g)?.length ?? 0;
    // An extra one in one schedule must not compensate for a missing one in another.
    if (keys !== RESULTS) throw new Error(`Seed ${seed}: ${keys} ${kind} instead of ${RESULTS}.`);
    stored += keys;
  }
  return stored;
}

const MB = 2 ** 20;
const BYTES = 100 * MB;
const PART_BYTES = 8 * MB;

/**
 * Interrupts the upload of a large file in the middle, and resumes it from another client.
 *
 * @param moto - Port of the S3 server, which must have a bucket `bucket`.
 */
export async function proveResumedUpload(proof: Proof, moto: number): Promise<void> {
  const proxy = await startBucketProxy(moto);
  proof.atEnd(() => proxy.close());
  const credentials = { accessKeyId: 'proof', secretAccessKey: 'proof' };
  const client = { endpoint: `http://127.0.0.1:${proxy.port}`, region: 'us-east-1', credentials };
  const machine = () => new Blobs(openS3Store('s3://bucket/large', { client, partBytes: PART_BYTES }));
  const path = join(proof.folder, 'large.bin');
  writeFileSync(path, randomBytes(BYTES));
  const stop = new AbortController();
  proxy.fault = () => {
    if (proxy.sent < BYTES / 2) return undefined;
    stop.abort();
    return 'cut';
  };
  const isInterrupted = await machine()
    .offer(path, undefined, stop.signal)
    .then(
      () => false,
      () => true,
    );
  proxy.fault = () => undefined;
  const { sha256 } = await machine().offer(path);
  // Throws if the content differs.
  await machine().fetch(sha256, join(proof.folder, 'large-again.bin'));
  const said = `a file of ${BYTES} bytes, interrupted in its middle and resumed: ${proxy.sent} bytes sent`;
  proof.figure(said, isInterrupted && proxy.sent < BYTES + PART_BYTES);
}
