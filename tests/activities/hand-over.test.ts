import { cp, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bringAsNeeded, elsewhere } from '../../activities/hand-over.ts';
import { needAllowedPlaces } from '../../activities/interceptors.ts';
import { createDrawBatch } from '../../activities/task/draw-figures.ts';
import { createInferRoi, createMeasureTask } from '../../activities/task/infer-roi.ts';
import { createPlanTask, createPrepareModel } from '../../activities/task/prepare-task.ts';
import { TaskFiles } from '../../activities/task/task-files.ts';
import { servicesOf } from '../../activities/task/work-of.ts';
import { InferenceConfig } from '../../config/schema.ts';
import { TaskSettings } from '../../config/task-config.ts';
import { detectorFile, folderOf } from '../../toolkit/dataset/layout.ts';
import { AllowedPlaces } from '../../toolkit/files/allowed-places.ts';
import { homeFolders } from '../../toolkit/files/folders.ts';
import { createRoiSegmenter } from '../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { ortVersion } from '../../toolkit/onnx/session/environment.ts';
import { RunStorage } from '../../toolkit/storage/run-storage.ts';
import { openS3Store } from '../../toolkit/storage/s3-store.ts';
import { createCellDetector } from '../../toolkit/yolo/detect/cell-detector.ts';
import { type FakeS3, startFakeS3 } from '../support/fake-s3.ts';
import { suiteFolder, temporaryFolder } from '../support/in-temporary-folder.ts';
import { runActivity } from '../support/run-activity.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const folder = suiteFolder();
const engines = { segmenter: createRoiSegmenter(), detector: createCellDetector() };
const settings = TaskSettings.parse({});
const inference = InferenceConfig.parse({ provider: 'cpu', threads: 1 });
const engine = { provider: 'cpu', ortVersion: ortVersion(), engine: 'exact' };
const stage = { folder: 'digest/execution/he' };
let data = '';
let models = '';

beforeAll(async () => {
  const record = await writeTinyRecord(folder(), [
    // Large enough to be interrupted.
    { name: 'patient1_he_roi1', width: 300, height: 200 },
    { name: 'patient2_he_roi1', width: 64, height: 49 },
    { name: 'patient3_he_roi1', width: 72, height: 64 },
  ]);
  data = record.unpacked;
  const home = homeFolders(folder());
  models = home.models;
  const folders = { data, results: join(folder(), 'results') };
  await runActivity(createPrepareModel(home), { task: 'he', settings, folders });
});
afterAll(() => Promise.all([engines.segmenter.close(), engines.detector.close()]));

/** The machine that has the folders, with a task planned; and others that have nothing but the storage. */
async function plannedTask() {
  const server = await startFakeS3();
  const root = await temporaryFolder();
  const storage = () => new RunStorage(openS3Store('s3://bucket/run', server.options), { everyMs: 20 });
  const folders = { data, results: join(root, 'results') };
  const main = servicesOf(homeFolders(join(root, 'main')), storage());
  // Converted once for all tests.
  await cp(models, main.home.models, { recursive: true });
  const prepare = createPrepareModel(main.home, main.storage);
  const { digest } = await runActivity(prepare, { task: 'he', settings, folders });
  const setup = { task: 'he' as const, folders, stage, model: { digest }, engine, settings };
  await runActivity(createPlanTask(main), { ...setup, batchSize: 10 });
  const rois = await new TaskFiles(main.home, stage).readBatch(0);
  const { stage: _stage, ...step } = setup;
  const inputs = rois.map(({ need: _need, ...roi }) => ({ ...step, ...roi, inference }));
  const [large, ...small] = inputs;
  if (large === undefined || small.length !== 2) throw new Error('The plan is another one.');
  const failures = [{ roi: large.roi, code: 'ROI_SKIPPED', cause: 'It takes long.' }];
  const elsewhere = (name: string, bytes = 1e9) => servicesOf(homeFolders(join(root, name)), storage(), bytes);
  return { server, root, main, folders, setup, large, small, failures, elsewhere };
}

function received({ sent }: FakeS3): number {
  return [...sent.values()].reduce((sum, bytes) => sum + bytes, 0);
}

describe('a worker without the folders of its runs', () => {
  it('infers with files from the storage only, and its results reach the results folder', async () => {
    const { server, main, folders, setup, small, failures, elsewhere } = await plannedTask();
    const away = elsewhere('away');
    const infer = createInferRoi({ ...away, engines });
    for (const input of small) expect(await runActivity(infer, input)).toMatchObject({ cached: false });
    const images = new Set(small.flatMap(({ sources }) => [sources?.image ?? '', sources?.truth ?? '']));
    for (const sha256 of images) {
      const key = `run/objects/${sha256.slice(0, 2)}/${sha256}`;
      expect(server.sent.get(key)).toBe(server.objects.get(key)?.length);
    }
    const before = received(server);
    const drawn = await runActivity(createDrawBatch(main), { ...setup, batch: 0, failures });
    expect(drawn.drawn).toBe(2);
    expect(received(server)).toBeGreaterThan(before);
    const names = await readdir(join(folders.results, 'inference', 'he'));
    expect(names.sort()).toEqual(small.map(({ roi }) => `${roi}.png`).sort());
    expect(await readdir(join(folders.results, 'environment'))).toHaveLength(1);

    const alone = servicesOf(homeFolders(await temporaryFolder()));
    await cp(models, alone.home.models, { recursive: true });
    await runActivity(createPrepareModel(alone.home), { task: 'he', settings, folders });
    const results = join(await temporaryFolder(), 'results');
    for (const input of small) {
      await runActivity(createInferRoi({ ...alone, engines }), { ...input, folders: { data, results } });
      const file = join('inference', 'he', `${input.roi}.png`);
      expect(await readFile(join(results, file))).toEqual(await readFile(join(folders.results, file)));
    }
  });

  it('resumes an ROI of a lost machine', async () => {
    const { server, large: input, elsewhere } = await plannedTask();
    const environment = new MockActivityEnvironment();
    environment.on('heartbeat', ({ tile = 0 }: { tile?: number }) => {
      if (tile > 40) environment.cancel('WORKER_SHUTDOWN');
    });
    const first = createInferRoi({ ...elsewhere('first'), engines });
    await expect(runActivity(first, input, environment)).rejects.toBeInstanceOf(CancelledFailure);
    expect([...server.objects.keys()].some((key) => key.includes('/partial/'))).toBe(true);

    const tiles: number[] = [];
    const next = new MockActivityEnvironment();
    next.on('heartbeat', ({ phase, tile }: { phase?: string; tile?: number }) => {
      if (phase === 'predict' && tile !== undefined) tiles.push(tile);
    });
    await runActivity(createInferRoi({ ...elsewhere('second'), engines }), input, next);
    expect(tiles[0]).toBeGreaterThan(0);
    expect([...server.objects.keys()].filter((key) => key.includes('/partial/'))).toEqual([]);
  });

  it('uses a result that another machine computed', async () => {
    const { small, elsewhere } = await plannedTask();
    const [input] = small;
    if (input === undefined) throw new Error('The plan is empty.');
    await runActivity(createInferRoi({ ...elsewhere('first'), engines }), input);
    const second = createInferRoi({ ...elsewhere('second'), engines });
    expect(await runActivity(second, input)).toMatchObject({ cached: true });
  });

  it('keeps fetched files within the limit', async () => {
    const { small, elsewhere } = await plannedTask();
    const away = elsewhere('away', 1);
    for (const input of small) await runActivity(createInferRoi({ ...away, engines }), input);
    expect(await filesBelow(away.home.scratch)).toEqual([]);
    expect(await filesBelow(away.home.cache)).toEqual([]);
  });

  it('measures for the discrepancy report, and uploads what it wrote', async () => {
    const { main, folders, setup, small, failures, elsewhere } = await plannedTask();
    const away = elsewhere('away');
    for (const input of small) await runActivity(createInferRoi({ ...away, engines }), input);
    await runActivity(createDrawBatch(main), { ...setup, batch: 0, failures });
    const { engine: _engine, model: _model, ...task } = setup;
    const measure = createMeasureTask({ ...elsewhere('other'), engines });
    const measured = await runActivity(measure, { ...task, batches: 1, inference, full: true });
    expect(measured).toMatchObject({ kind: 'measured' });
    await main.storage?.stages.takeResults(stage.folder, folders.results);
    const rounding = await readFile(join(folders.results, 'verdict', 'window-rounding.json'), 'utf8');
    expect(JSON.parse(rounding)).toHaveLength(Object(measured).rois);
  });

  it('fetches a detector that has another name in the record', async () => {
    const server = await startFakeS3();
    const root = await temporaryFolder();
    const storage = new RunStorage(openS3Store('s3://bucket/run', server.options), { everyMs: 20 });
    const { unpacked } = await writeTinyRecord(root, undefined, (record) =>
      rename(join(record, detectorFile('nuclei')), join(record, folderOf('models', 'nuclei'), 'best.pt')),
    );
    const folders = { data: unpacked, results: join(root, 'results') };
    const main = servicesOf(homeFolders(join(root, 'main')), storage);
    const prepare = createPrepareModel(main.home, main.storage);
    const { digest } = await runActivity(prepare, { task: 'nuclei', settings, folders });
    const setup = { task: 'nuclei' as const, folders, stage, model: { digest }, engine, settings };
    await runActivity(createPlanTask(main), { ...setup, batchSize: 10 });
    const away = elsewhere(servicesOf(homeFolders(join(root, 'away')), storage, 1e9));
    if (away === undefined) throw new Error('A worker without folders is expected.');
    const here = await bringAsNeeded(away, stage, folders, new AbortController().signal);
    await here.need([detectorFile('nuclei')]);
    expect(await readFile(join(here.folders.data, detectorFile('nuclei')))).toEqual(
      await readFile(join(unpacked, folderOf('models', 'nuclei'), 'best.pt')),
    );
  });

  it('hands an activity over to another worker if the storage lacks what it needs', async () => {
    const { server, small, elsewhere } = await plannedTask();
    for (const key of server.objects.keys()) if (key.includes('/models/')) server.objects.delete(key);
    const [input] = small;
    if (input === undefined) throw new Error('The plan is empty.');
    const infer = createInferRoi({ ...elsewhere('away'), engines });
    const environment = (attempt: number) => new MockActivityEnvironment({ attempt, heartbeatTimeoutMs: 100 });
    const failure = { code: 'STORAGE_MISSING', retryable: true };
    await expect(runActivity(infer, input, environment(1))).rejects.toMatchObject(failure);
    await expect(runActivity(infer, input, environment(30))).rejects.toMatchObject({ ...failure, retryable: false });
  });

  it('accepts folders that it was not started with, and rejects paths that leave them', async () => {
    const allowed = await AllowedPlaces.of(homeFolders(await temporaryFolder()));
    const run = (step: object, isElsewhere: boolean) => {
      const interceptors = [() => ({ inbound: needAllowedPlaces(allowed, isElsewhere)() })];
      const environment = new MockActivityEnvironment({}, { interceptors });
      return environment.run((_step: unknown) => Promise.resolve('done'), step);
    };
    const step = { folders: { data: '/srv/data', results: '/srv/results' }, image: 'images/a.png' };
    await expect(run(step, false)).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
    expect(await run(step, true)).toBe('done');
    await expect(run({ ...step, image: '../a.png' }, true)).rejects.toMatchObject({ code: 'PATH_TRAVERSAL' });
    await expect(run({ ...step, other: '/etc/passwd' }, true)).rejects.toMatchObject({ code: 'PATH_NOT_ALLOWED' });
  });
});

async function filesBelow(root: string): Promise<string[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isFile()).map(({ name }) => name);
}
