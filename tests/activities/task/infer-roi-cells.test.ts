import { copyFile, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InferRoiInput } from '../../../activities/inputs.ts';
import { createInferRoi } from '../../../activities/task/infer-roi.ts';
import { createPrepareModel } from '../../../activities/task/prepare-task.ts';
import { InferenceConfig } from '../../../config/schema.ts';
import { TaskSettings } from '../../../config/task-config.ts';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { RoiStem } from '../../../toolkit/dataset/layout.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { sha256OfFile } from '../../../toolkit/files/hash-file.ts';
import { ModelSummary } from '../../../toolkit/models/model-summary.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { ortVersion } from '../../../toolkit/onnx/session/environment.ts';
import { cellOutputs } from '../../../toolkit/tasks/cells/cells.ts';
import { createCellDetector } from '../../../toolkit/yolo/detect/cell-detector.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { runActivity } from '../../support/run-activity.ts';
import { writeTinyRecord } from '../../support/tiny-record.ts';

const folder = suiteFolder();
const foldersOf = (data: string) => ({ data, results: join(folder(), 'results') });
const detector = createCellDetector();
const engines = { detector, segmenter: createRoiSegmenter() };
const settings = TaskSettings.parse({});
let data = '';
let model = { digest: '' };

beforeAll(async () => {
  data = (await writeTinyRecord(folder())).unpacked;
  model = await runActivity(createPrepareModel(homeFolders(folder())), {
    folders: foldersOf(data),
    task: 'nuclei',
    settings,
  });
});
afterAll(() => detector.close());

async function setUp(box: InferRoiInput['box'] = [20, 20, 540, 180]) {
  const own = await temporaryFolder();
  const home = { ...homeFolders(own), models: homeFolders(folder()).models };
  const services = { home, cache: new StepCache(home.cache), digests: new FileDigests(home.digests), engines };
  const results = join(own, 'results');
  const input: InferRoiInput = {
    task: 'nuclei',
    folders: { data, results },
    roi: RoiStem.parse('nuclei_roi_1'),
    image: 'images/pdl1/nuclei/nuclei_roi_1.png',
    truth: 'annotations/pdl1/nuclei/nuclei_test_set_all_readers.json',
    box,
    settings,
    model,
    engine: { provider: 'cpu', ortVersion: ortVersion(), engine: 'exact' },
    inference: InferenceConfig.parse({ provider: 'cpu', threads: 1 }),
  };
  return {
    activity: createInferRoi(services),
    services,
    home,
    input,
    outputs: cellOutputs('nuclei', results, input.roi),
  };
}

const bytesOf = async ({ points, candidates }: { points: string; candidates: string }) => [
  await readFile(points),
  await readFile(candidates),
];

describe('inferRoi, of cells', () => {
  it('detects cells, stores the result, and finds it in the cache the next time', async () => {
    const { activity, home, input, outputs } = await setUp();
    expect(await runActivity(activity, input)).toMatchObject({ roi: 'nuclei_roi_1', cached: false, tiles: 2 });
    const first = await bytesOf(outputs);
    await rm(outputs.points);
    expect(await runActivity(activity, input)).toMatchObject({ cached: true });
    expect(await bytesOf(outputs)).toEqual(first);
    expect(await readdir(home.work)).toEqual([]);
  });

  it.each([{ confidence: 0.3 }, { iou: 0.2 }, { confidence: 0.2, iou: 0.4 }])(
    'applies the settings %o to stored candidates as a new inference would',
    async (chosen) => {
      const { activity, input, outputs, services } = await setUp();
      await runActivity(activity, input);
      const before = await bytesOf(outputs);
      const noNetwork = { ...engines, detector: { ...detector, detect: () => Promise.reject(new Error('ran')) } };
      const changed = { ...input, settings: TaskSettings.parse(chosen) };
      const decided = await runActivity(createInferRoi({ ...services, engines: noNetwork }), changed);
      expect(decided).toMatchObject({ cached: false, tiles: 0 });
      const other = await setUp();
      await runActivity(other.activity, { ...other.input, settings: TaskSettings.parse(chosen) });
      const fresh = await bytesOf(other.outputs);
      expect(await bytesOf(outputs)).toEqual(fresh);
      expect(fresh).not.toEqual(before);
    },
  );

  it('runs the network again for a confidence below that of the stored candidates', async () => {
    const { activity, input } = await setUp();
    await runActivity(activity, input);
    const lower = { ...input, settings: TaskSettings.parse({ confidence: 0.01 }) };
    expect(await runActivity(activity, lower)).toMatchObject({ cached: false, tiles: 2 });
  });

  it('resumes after the last finished tile after a shutdown, with the same bits', async () => {
    // Many tiles: on a busy machine the thread may have finished a few of them before it is cancelled.
    const image = 'images/pdl1/nuclei/many tiles.png';
    const original = join(data, 'images', 'pdl1', 'nuclei', 'nuclei_roi_1.png');
    await sharp(original).extend({ bottom: 7_900 }).toFile(join(data, image));
    const undisturbed = await setUp();
    await runActivity(undisturbed.activity, { ...undisturbed.input, image });
    const { activity, input: ofSample, outputs } = await setUp();
    const input = { ...ofSample, image };
    const environment = new MockActivityEnvironment();
    environment.on('heartbeat', ({ tile }: { tile?: number }) => {
      if (tile !== undefined && tile < 16) environment.cancel('WORKER_SHUTDOWN');
    });
    await expect(runActivity(activity, input, environment)).rejects.toBeInstanceOf(CancelledFailure);
    const resumed = new MockActivityEnvironment();
    const tiles: number[] = [];
    resumed.on('heartbeat', ({ tile }: { tile?: number }) => tiles.push(tile ?? 0));
    expect(await runActivity(activity, input, resumed)).toMatchObject({ cached: false, tiles: 32 });
    expect(tiles.filter((tile) => tile > 0).length).toBeLessThan(32);
    // Digests: the bytes are many.
    expect(await sha256OfFile(outputs.points)).toBe(await sha256OfFile(undisturbed.outputs.points));
    expect(await sha256OfFile(outputs.candidates)).toBe(await sha256OfFile(undisturbed.outputs.candidates));
  });

  it('writes no points file for an image without points, and removes an earlier one', async () => {
    const { activity, input, outputs } = await setUp();
    await runActivity(activity, input);
    await runActivity(activity, { ...input, box: [0, 0, 0.5, 0.5] });
    await expect(readFile(outputs.points)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(JSON.parse(await readFile(outputs.candidates, 'utf8')).box).toEqual([0, 0, 0.5, 0.5]);
  });
});

describe('prepareModel, of cells', () => {
  it('uses a custom model, and describes it in the results', async () => {
    const own = join(data, 'models', 'pdl1', 'pdl1', 'pdl1_detection_weights.pt');
    const folders = { data: join(folder(), 'no record'), results: join(folder(), 'own results') };
    const converted = await runActivity(createPrepareModel(homeFolders(folder())), {
      folders,
      task: 'pdl1',
      settings: { ...settings, model: own },
    });
    const summary = ModelSummary.parse(
      JSON.parse(await readFile(join(folders.results, 'models', 'pdl1.json'), 'utf8')),
    );
    expect(summary).toMatchObject({ kind: 'yolov5', digest: converted.digest, input: { shape: [1, 3, 512, 512] } });
    const [network] = summary.networks;
    expect(network?.sourceSha256).toBe(await sha256OfFile(own));
    expect(network?.operators).toMatchObject({ Conv: expect.any(Number) });
    // Boxes are as large as a tile; the rounding of float32 is far below a hundredth of a px.
    expect(network?.parity.maxDifference).toBeLessThan(0.01);
    expect(network?.parity.elements).toBeGreaterThan(100_000);
  });

  it('rejects a detector with other classes than the task', async () => {
    const swapped = await temporaryFolder();
    const { unpacked } = await writeTinyRecord(swapped, undefined, async (root) => {
      const models = join(root, 'models', 'pdl1');
      await copyFile(
        join(models, 'nuclei', 'nuclei_detection_weights.pt'),
        join(models, 'pdl1', 'pdl1_detection_weights.pt'),
      );
    });
    const prepare = createPrepareModel(homeFolders(swapped));
    await expect(runActivity(prepare, { folders: foldersOf(unpacked), task: 'pdl1', settings })).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('has 1 classes'),
    });
  });
});
