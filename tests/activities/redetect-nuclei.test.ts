import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createRedetectNuclei } from '../../activities/redetect-nuclei.ts';
import { InferenceConfig } from '../../config/schema.ts';
import { FileDigests } from '../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../toolkit/cache/step-cache.ts';
import { homeFolders } from '../../toolkit/files/home-folders.ts';
import { type CellDetector, createCellDetector } from '../../toolkit/yolov5/cell-detector.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';
import { runActivity } from '../support/run-activity.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const detector = createCellDetector();
afterAll(() => detector.close());

it('keeps no points that another provider made than the key names', async () => {
  const folder = await temporaryFolder();
  const { unpacked: data } = await writeTinyRecord(folder);
  const home = homeFolders(join(folder, 'home'));
  const cache = new StepCache(home.cache);
  const fallenBack: CellDetector = {
    ...detector,
    detect: async (...job) => ({ ...(await detector.detect(...job)), provider: 'webgpu' }),
  };
  const redetect = createRedetectNuclei({ home, cache, digests: new FileDigests(home.digests), detector: fallenBack });
  const input = {
    folders: { data, results: join(folder, 'results') },
    inference: InferenceConfig.parse({ provider: 'cpu', threads: 1 }),
  };
  await expect(runActivity(redetect, input)).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  const kept = [];
  for await (const { parts } of cache.entries()) kept.push(parts);
  expect(kept).toEqual([]);
});
