import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInferRoi, createMeasureTask, type InferServices } from '../../../activities/task/infer-roi.ts';
import { createPrepareModel } from '../../../activities/task/prepare-task.ts';
import { TaskFiles } from '../../../activities/task/task-files.ts';
import { InferenceConfig } from '../../../config/schema.ts';
import { TaskSettings } from '../../../config/task-config.ts';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { type CacheEntry, StepCache } from '../../../toolkit/cache/step-cache.ts';
import { RoiStem } from '../../../toolkit/dataset/layout.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { ortVersion } from '../../../toolkit/onnx/session/environment.ts';
import { createCellDetector } from '../../../toolkit/yolo/detect/cell-detector.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { lastAttempt, runActivity } from '../../support/run-activity.ts';
import { writeTinyRecord } from '../../support/tiny-record.ts';

const folder = suiteFolder();
const segmenter = createRoiSegmenter();
const detector = createCellDetector();
const settings = TaskSettings.parse({});
/** Its height is one whose second tile is at 8.5 px. */
const roi = RoiStem.parse('patient2_he_roi1_with_context');
let data = '';
let model = { digest: '' };

beforeAll(async () => {
  data = (await writeTinyRecord(folder(), [{ name: 'patient2_he_roi1', width: 64, height: 49 }])).unpacked;
  model = await runActivity(createPrepareModel(homeFolders(folder())), {
    task: 'he',
    settings,
    folders: { data, results: join(folder(), 'results') },
  });
});
afterAll(() => segmenter.close());

/** A state directory in which the ROI was segmented on the CPU, as a run leaves it. */
async function afterRun() {
  const own = await temporaryFolder();
  const home = { ...homeFolders(own), models: homeFolders(folder()).models };
  const services = {
    home,
    cache: new StepCache(home.cache),
    digests: new FileDigests(home.digests),
    engines: { segmenter, detector },
  };
  const step = {
    folders: { data, results: join(own, 'results') },
    task: 'he' as const,
    settings,
    inference: InferenceConfig.parse({ provider: 'cpu', threads: 1 }),
  };
  const files = { image: `images/he/${roi}.png`, truth: `annotations/he/${roi}.png` };
  const { key } = await runActivity(createInferRoi(services), {
    ...step,
    roi,
    ...files,
    model: { digest: model.digest },
    engine: { provider: 'cpu', ortVersion: ortVersion(), engine: 'exact' },
  });
  const stage = { folder: 'digest/execution/he' };
  await new TaskFiles(home, stage).writePlan({ rois: [{ roi, ...files, key }] });
  return { services, input: { ...step, stage, batches: 0, full: true } };
}

const entriesOf = async ({ cache }: InferServices) => {
  const entries: CacheEntry[] = [];
  for await (const entry of cache.entries()) entries.push(entry);
  return entries;
};

describe('measureTask, of tissue', () => {
  it('stores the mask under the engine that computed it, and finds it the next time', async () => {
    const { services, input } = await afterRun();
    expect(await runActivity(createMeasureTask(services), input)).toEqual({ kind: 'measured', rois: 1 });
    const [first, ...others] = (await entriesOf(services)).filter(({ parts }) => parts['rounding'] === 'half-up');
    expect(others).toEqual([]);
    expect(first?.parts).toMatchObject({ provider: 'cpu', ortVersion: ortVersion(), model: model.digest });
    const never: typeof segmenter = { ...segmenter, segment: () => Promise.reject(new Error('It was in the cache.')) };
    expect(
      await runActivity(createMeasureTask({ ...services, engines: { detector, segmenter: never } }), input),
    ).toEqual({ kind: 'measured', rois: 1 });
    expect(
      JSON.parse(await readFile(join(input.folders.results, 'verdict', 'window-rounding.json'), 'utf8')),
    ).toMatchObject([{ roi, pixels: 64 * 49 }]);
  });

  it.each([
    ['provider', { provider: 'webgpu' }],
    ['version', { ortVersion: '0.0.0' }],
  ] as const)('rejects a worker with another %s before it computes anything', async (_what, other) => {
    const { services, input } = await afterRun();
    const elsewhere: typeof segmenter = {
      ...segmenter,
      probe: async (...job) => ({ ...(await segmenter.probe(...job)), ...other }),
      segment: () => Promise.reject(new Error('It must not come so far.')),
    };
    const again = runActivity(
      createMeasureTask({ ...services, engines: { detector, segmenter: elsewhere } }),
      input,
      lastAttempt(),
    );
    await expect(again).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect(await entriesOf(services)).toHaveLength(1);
  });

  it('stores nothing if the network fell back to another provider', async () => {
    const { services, input } = await afterRun();
    const fallenBack: typeof segmenter = {
      ...segmenter,
      segment: async (...job) => ({ ...(await segmenter.segment(...job)), provider: 'webgpu' }),
    };
    const again = runActivity(
      createMeasureTask({ ...services, engines: { detector, segmenter: fallenBack } }),
      input,
      lastAttempt(),
    );
    await expect(again).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect(await entriesOf(services)).toHaveLength(1);
  });
});
