import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Blobs } from '../../toolkit/storage/object-store.ts';
import { openS3Store } from '../../toolkit/storage/s3-store.ts';
import type { Proof } from '../proof.ts';
import { startBucketProxy } from './bucket-proxy.ts';

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
