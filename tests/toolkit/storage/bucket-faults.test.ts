import { describe, expect, it } from 'vitest';
import { playBucketFaults } from '../../support/bucket-faults.ts';
import { startFakeS3 } from '../../support/fake-s3.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

/** `scripts/prove-storage.ts` plays 200 of them against another server. */
const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

describe('object storage that fails', () => {
  it.each(SEEDS)('loses nothing and stores nothing twice, seed %i', async (seed) => {
    const server = await startFakeS3();
    const bucket = {
      options: server.options,
      setFaults: (decide: typeof server.fault) => {
        server.fault = decide;
      },
    };
    const { faults } = await playBucketFaults(bucket, { seed, share: 0.2, root: await temporaryFolder() });
    expect(faults).toBeGreaterThan(0);
    const folders = [...server.objects.keys()].map((key) => key.split('/')[1]);
    expect(folders.filter((folder) => folder === 'objects')).toHaveLength(3);
    expect(folders.filter((folder) => folder === 'cache')).toHaveLength(3);
  });
});
