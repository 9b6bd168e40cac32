import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { InferRoiInput } from '../../../activities/inputs.ts';
import { createInferRoi, createProbeInference } from '../../../activities/task/infer-roi.ts';
import { createPrepareModel } from '../../../activities/task/prepare-task.ts';
import { InferenceConfig } from '../../../config/schema.ts';
import { TaskSettings } from '../../../config/task-config.ts';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { RoiStem } from '../../../toolkit/dataset/layout.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { ortVersion } from '../../../toolkit/onnx/session/environment.ts';
import { tissueOutputs } from '../../../toolkit/tasks/tissue/tissue.ts';
import { createCellDetector } from '../../../toolkit/yolo/detect/cell-detector.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { lastAttempt, runActivity } from '../../support/run-activity.ts';
import { writeTinyRecord } from '../../support/tiny-record.ts';

const folder = suiteFolder();
const segmenter = createRoiSegmenter();
const engines = { segmenter, detector: createCellDetector() };
const settings = TaskSettings.parse({});
const roi = RoiStem.parse('patient1_he_roi1_with_context');
let data = '';
let model = { digest: '' };

beforeAll(async () => {
  // Large enough that what is left of it after an interruption outlasts a beat, also where tiles are quick.
  const record = await writeTinyRecord(folder(), [
    { name: 'patient1_he_roi1', width: 300, height: 200 },
    { name: 'patient2_he_roi1', width: 64, height: 49 },
  ]);
  data = record.unpacked;
  const { digest } = await runActivity(createPrepareModel(homeFolders(folder())), {
    task: 'he',
    settings,
    folders: { data, results: join(folder(), 'results') },
  });
  model = { digest };
});
afterAll(() => segmenter.close());

/** The activity on a state directory of its own that shares the converted model, and its input. */
async function setUp() {
  const own = await temporaryFolder();
  const home = { ...homeFolders(own), models: homeFolders(folder()).models };
  const cache = new StepCache(home.cache);
  const activity = createInferRoi({ home, cache, digests: new FileDigests(home.digests), engines });
  const results = join(own, 'results');
  const input: InferRoiInput = {
    folders: { data, results },
    roi,
    image: `images/he/${roi}.png`,
    truth: `annotations/he/${roi}.png`,
    model,
    engine: { provider: 'cpu', ortVersion: ortVersion(), engine: 'exact' },
    task: 'he',
    settings,
    inference: InferenceConfig.parse({ provider: 'cpu', threads: 1 }),
  };
  return { activity, home, input, outputs: tissueOutputs('he', results, roi) };
}

const bytesOf = async ({ mask, confidence }: { mask: string; confidence: string }) => [
  await readFile(mask),
  await readFile(confidence),
];

describe('inferRoi, of tissue', () => {
  it('segments and scores an ROI, stores the result, and finds it in the cache the next time', async () => {
    const { activity, home, input, outputs } = await setUp();
    const first = await runActivity(activity, input);
    expect(first).toMatchObject({ roi, cached: false });
    const undisturbed = await bytesOf(outputs);
    await rm(outputs.mask);
    const second = await runActivity(activity, input);
    expect(second).toMatchObject({ roi, cached: true, key: first.key });
    expect(await bytesOf(outputs)).toEqual(undisturbed);
    expect(await readdir(home.work)).toEqual([]);
  });

  it('names the image of the next ROI in its first attempt only', async () => {
    const { activity, input } = await setUp();
    const asked = vi.spyOn(segmenter, 'segment').mockRejectedValue(new Error('not run'));
    for (const attempt of [1, 2]) {
      const environment = new MockActivityEnvironment({ attempt });
      const run = runActivity(activity, { ...input, following: 'images/he/next.png' }, environment);
      await expect(run).rejects.toThrow('not run');
    }
    const named = asked.mock.calls.map(([job]) => job.following);
    asked.mockRestore();
    expect(named).toEqual([join(data, 'images/he/next.png'), undefined]);
  });

  it('stores results of the fast engine separately, never under the key of the exact one', async () => {
    const { activity, input } = await setUp();
    const exact = await runActivity(activity, input);
    const fast = {
      ...input,
      engine: { ...input.engine, engine: 'fast', precision: 'float32' } as const,
      inference: { ...input.inference, engine: 'fast' } as const,
    };
    const other = await runActivity(activity, fast);
    expect(other).toMatchObject({ cached: false });
    expect(other.key).not.toBe(exact.key);
    const { activity: again, input: planned } = await setUp();
    await expect(runActivity(again, { ...fast, engine: planned.engine }, lastAttempt())).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringContaining('the fast engine in float32; the run was planned for the exact engine'),
    });
  });

  it('is planned with the engine that will run it', async () => {
    const { home, input } = await setUp();
    const probe = createProbeInference({ home }, engines);
    const inference = { ...input.inference, engine: 'fast' } as const;
    expect(await runActivity(probe, { task: 'he', model, inference })).toMatchObject({
      engine: 'fast',
      precision: 'float32',
    });
    const { engine, precision } = await runActivity(probe, { task: 'he', model, inference: input.inference });
    expect([engine, precision]).toEqual(['exact', undefined]);
  });

  it.each(['CANCELLED', 'WORKER_SHUTDOWN'] as const)(
    'resumes after %s in the middle, with the same bits',
    async (reason) => {
      const undisturbed = await setUp();
      await runActivity(undisturbed.activity, undisturbed.input);

      const { activity, home, input, outputs } = await setUp();
      const environment = new MockActivityEnvironment();
      const beats: { tile?: number; of?: number }[] = [];
      environment.on('heartbeat', (details: { tile?: number; of?: number }) => {
        beats.push(details);
        if ((details.tile ?? 0) > 40) environment.cancel(reason);
      });
      await expect(runActivity(activity, input, environment)).rejects.toBeInstanceOf(CancelledFailure);
      expect(beats.at(-1)).toMatchObject({ roi, phase: 'predict' });
      expect(await readdir(home.work)).toHaveLength(1);

      const resumed: number[] = [];
      const next = new MockActivityEnvironment();
      next.on('heartbeat', ({ phase, tile }: { phase?: string; tile?: number }) => {
        if (phase === 'predict' && tile !== undefined) resumed.push(tile);
      });
      expect(await runActivity(activity, input, next)).toMatchObject({ cached: false });
      expect(resumed[0]).toBeGreaterThan(0);
      expect(await bytesOf(outputs)).toEqual(await bytesOf(undisturbed.outputs));
    },
  );

  it.each([
    ['computes on another engine than planned', {}, { ortVersion: '0.0.0' }],
    ['lacks the provider', { provider: 'cuda' }, { provider: 'cuda' }],
  ] as const)('hands the ROI over, without computing it, if the worker %s', async (_, session, planned) => {
    const { activity, home, input } = await setUp();
    const inference = { ...input.inference, ...session };
    const other = { ...input, inference, engine: { ...input.engine, ...planned } };
    const computes = vi.spyOn(segmenter, 'segment');
    const environment = new MockActivityEnvironment();
    const held = vi.spyOn(environment.context, 'sleep').mockResolvedValue();
    const fault = { code: 'WORKER_UNSUITABLE', retryable: true, retryAfterMs: 1_000 };
    await expect(runActivity(activity, other, environment)).rejects.toMatchObject(fault);
    expect(held.mock.calls).toEqual([[30_000]]);
    const last = runActivity(activity, other, lastAttempt());
    await expect(last).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: false });
    expect(computes).not.toHaveBeenCalled();
    expect(existsSync(home.work)).toBe(false);
    computes.mockRestore();
  });

  it('rejects a path that leaves the data folder, and names a missing file', async () => {
    const { activity, input } = await setUp();
    const run = (image: string) => runActivity(activity, { ...input, image });
    await expect(run('../secret.png')).rejects.toMatchObject({ code: 'PATH_TRAVERSAL' });
    await expect(run('images/he/none.png')).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });

  it('writes no result if annotation and image differ in size', async () => {
    const { activity, input, outputs } = await setUp();
    const truth = 'annotations/he/patient2_he_roi1_with_context.png';
    await expect(runActivity(activity, { ...input, truth })).rejects.toMatchObject({
      code: 'SIZE_MISMATCH',
    });
    await expect(readFile(outputs.mask)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
