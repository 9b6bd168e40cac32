import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { PlannedRoi } from '../../../activities/inputs.ts';
import { createMeasureTask } from '../../../activities/task/infer-roi.ts';
import { TaskFiles } from '../../../activities/task/task-files.ts';
import { InferenceConfig } from '../../../config/schema.ts';
import { TaskSettings } from '../../../config/task-config.ts';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { taskNamed } from '../../../toolkit/tasks/task-named.ts';
import { createCellDetector } from '../../../toolkit/yolo/detect/cell-detector.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { lastAttempt, runActivity } from '../../support/run-activity.ts';
import { writeTinyRecord } from '../../support/tiny-record.ts';

const detector = createCellDetector();
afterAll(() => detector.close());

it('stores no points if another provider ran than the key names', async () => {
  const folder = await temporaryFolder();
  const { unpacked: data } = await writeTinyRecord(folder);
  const home = homeFolders(join(folder, 'home'));
  const cache = new StepCache(home.cache);
  const fallenBack: typeof detector = {
    ...detector,
    detect: async (...job) => ({ ...(await detector.detect(...job)), provider: 'webgpu' }),
  };
  const engines = { segmenter: createRoiSegmenter(), detector: fallenBack };
  const measure = createMeasureTask({ home, cache, digests: new FileDigests(home.digests), engines });
  const stage = { folder: 'digest/execution/nuclei' };
  await new TaskFiles(home, stage).writePlan({
    rois: [...(await taskNamed('nuclei').listRois(data))].map((roi) => PlannedRoi.parse(roi)),
  });
  const input = {
    task: 'nuclei' as const,
    stage,
    batches: 0,
    settings: TaskSettings.parse({}),
    full: false,
    folders: { data, results: join(folder, 'results') },
    inference: InferenceConfig.parse({ provider: 'cpu', threads: 1 }),
  };
  await expect(runActivity(measure, input, lastAttempt())).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
  const kept = [];
  for await (const { parts } of cache.entries()) kept.push(parts);
  expect(kept).toEqual([]);
});
