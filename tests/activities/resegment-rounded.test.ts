import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createConvertModel } from '../../activities/convert-model.ts';
import { roundedFile } from '../../activities/ledger-tissue.ts';
import { createResegmentRounded } from '../../activities/resegment-rounded.ts';
import { createSegmentRoi, type SegmentServices } from '../../activities/segment-roi.ts';
import { StageFiles } from '../../activities/stage-files.ts';
import { InferenceConfig } from '../../config/schema.ts';
import { TaskSettings } from '../../config/task-config.ts';
import { FileDigests } from '../../toolkit/cache/file-digests.ts';
import { type CacheEntry, StepCache } from '../../toolkit/cache/step-cache.ts';
import { homeFolders } from '../../toolkit/files/home-folders.ts';
import { createRoiSegmenter, type RoiSegmenter } from '../../toolkit/nnunet/roi-segmenter.ts';
import { ortVersion } from '../../toolkit/onnx/ort-version.ts';
import { suiteFolder, temporaryFolder } from '../support/in-temporary-folder.ts';
import { runActivity } from '../support/run-activity.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const folder = suiteFolder();
const segmenter = createRoiSegmenter();
/** Its height is one whose second tile lies at 8.5 px. */
const roi = 'patient2_he_roi1_with_context';
let data = '';
let model = { digest: '' };

beforeAll(async () => {
  data = (await writeTinyRecord(folder(), [{ name: 'patient2_he_roi1', width: 64, height: 49 }])).unpacked;
  model = await runActivity(createConvertModel(homeFolders(folder())), {
    folders: { data, results: join(folder(), 'results') },
  });
});
afterAll(() => segmenter.close());

/** A home in which the ROI was segmented on the CPU, as a run leaves it. */
async function afterRun() {
  const own = await temporaryFolder();
  const home = { ...homeFolders(own), models: homeFolders(folder()).models };
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests), segmenter };
  const step = {
    folders: { data, results: join(own, 'results') },
    he: TaskSettings.parse({}),
    inference: InferenceConfig.parse({ provider: 'cpu', threads: 1 }),
  };
  const { key } = await runActivity(createSegmentRoi(services), {
    ...step,
    roi,
    image: `images/he/${roi}.png`,
    truth: `annotations/he/${roi}.png`,
    model: { digest: model.digest },
    engine: { provider: 'cpu', ortVersion: ortVersion(), engine: 'exact' },
  });
  const stage = { folder: 'digest/execution/he' };
  await new StageFiles(home, stage).writePlan({ rois: [{ roi, key }] });
  return { services, input: { ...step, stage, pages: 0 } };
}

const entriesOf = async ({ cache }: SegmentServices) => {
  const entries: CacheEntry[] = [];
  for await (const entry of cache.entries()) entries.push(entry);
  return entries;
};

describe('resegmentRounded', () => {
  it('keeps the mask under the engine that made it, and finds it there the next time', async () => {
    const { services, input } = await afterRun();
    expect(await runActivity(createResegmentRounded(services), input)).toEqual({ rois: 1 });
    const [first, ...others] = (await entriesOf(services)).filter(({ parts }) => parts['rounding'] === 'half-up');
    expect(others).toEqual([]);
    expect(first?.parts).toMatchObject({ provider: 'cpu', ortVersion: ortVersion(), model: model.digest });
    const never: RoiSegmenter = { ...segmenter, segment: () => Promise.reject(new Error('It was in the cache.')) };
    expect(await runActivity(createResegmentRounded({ ...services, segmenter: never }), input)).toEqual({ rois: 1 });
    expect(JSON.parse(await readFile(roundedFile(input.folders.results), 'utf8'))).toMatchObject([
      { roi, pixels: 64 * 49 },
    ]);
  });

  it.each([
    ['provider', { provider: 'webgpu' }],
    ['version', { ortVersion: '0.0.0' }],
  ] as const)('refuses a worker with another %s before it computes anything', async (_what, other) => {
    const { services, input } = await afterRun();
    const elsewhere: RoiSegmenter = {
      ...segmenter,
      probe: async (...job) => ({ ...(await segmenter.probe(...job)), ...other }),
      segment: () => Promise.reject(new Error('It must not come so far.')),
    };
    const again = runActivity(createResegmentRounded({ ...services, segmenter: elsewhere }), input);
    await expect(again).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect(await entriesOf(services)).toHaveLength(1);
  });

  it('keeps nothing when the network fell back to another provider on the way', async () => {
    const { services, input } = await afterRun();
    const fallenBack: RoiSegmenter = {
      ...segmenter,
      segment: async (...job) => ({ ...(await segmenter.segment(...job)), provider: 'webgpu' }),
    };
    const again = runActivity(createResegmentRounded({ ...services, segmenter: fallenBack }), input);
    await expect(again).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect(await entriesOf(services)).toHaveLength(1);
  });
});
