import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { readModelCard } from '../../../toolkit/nnunet/model-card.ts';
import { OrtFoldNetworks } from '../../../toolkit/nnunet/networks/ort-fold-networks.ts';
import {
  createRoiSegmenter,
  type RoiJob,
  type RoiProgress,
  startSegmenterThread,
} from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { jobIn, readGrey16, useScratch, writeRgb } from './support/scratch.ts';
import { writeTinyModel } from './support/tiny-model.ts';
import { segmentWholeImage } from './support/whole-image.ts';

const scratch = useScratch();
const segmenter = createRoiSegmenter({ provider: 'cpu', threads: 1 });
afterAll(() => segmenter.close());
/** A model that no test changes, so that the segmenter keeps its networks open. */
const shared = suiteFolder();
beforeAll(() => writeTinyModel(shared(), [32, 32]));

/** A job on an image of noise. */
async function tinyJob(name: string, width: number, height: number): Promise<RoiJob & { rgb: Uint8Array }> {
  const rgb = noise(width * height * 3, 5);
  const image = await writeRgb(scratch.path(`${name}.png`), width, height, rgb);
  return { ...jobIn(scratch, name, image), modelDir: shared(), rgb };
}

describe('createRoiSegmenter', () => {
  it('segments with ONNX networks with the same bits as on the whole image', async () => {
    const job = await tinyJob('a', 100, 70);
    const result = await segmenter.segment(job);
    const networks = new OrtFoldNetworks(job.modelDir, await readModelCard(job.modelDir), {
      provider: 'cpu',
      threads: 2,
    });
    const expected = await segmentWholeImage(job.rgb, 100, 70, networks);
    await networks.release();
    expect((await decodeLabels(job.mask)).data).toEqual(Buffer.from(expected.labels));
    expect(await readGrey16(job.confidence)).toEqual(expected.confidences);
    expect(result).toMatchObject({ width: 100, height: 70, tiles: 24, tilesTotal: 24, provider: 'cpu', fallbacks: [] });
    expect(result.ortVersion).toMatch(/^1\./);
    expect(result.instructionSet).toContain(process.arch);
    expect(result.peakRssBytes).toBeGreaterThan(1e7);
  });

  it('uses the GPU of its worker whatever the job names', async () => {
    const job = await tinyJob('a', 40, 40);
    const placed = createRoiSegmenter({}, startSegmenterThread, { device: 62 });
    await expect(placed.segment({ ...job, provider: 'auto', device: 61 })).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringContaining('GPU 62'),
    });
    await placed.close();
  });

  it('does not block the event loop', async () => {
    const modelDir = await writeTinyModel(scratch.path('model'), [64, 64]);
    const job = { ...(await tinyJob('a', 400, 300)), modelDir };
    await segmenter.probe(job);
    const before = performance.eventLoopUtilization();
    let passes = 0;
    await segmenter.segment(job, { onProgress: () => passes++ });
    // ONNX Runtime on this thread would keep the loop busy from the first tile to the last.
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
    expect(passes).toBeGreaterThan(300);
  });

  it('stops within a tile when aborted, and resumes from there', async () => {
    const job = await tinyJob('a', 300, 200);
    const whole = { ...job, ...jobIn(scratch, 'whole', job.image) };
    await segmenter.segment(whole);
    const stop = new AbortController();
    const reason = new Error('enough');
    let last: RoiProgress | undefined;
    let told: number | undefined;
    const stopped = segmenter.segment(job, {
      signal: stop.signal,
      onProgress: (progress) => {
        last = progress;
        if (progress.row !== 2) return;
        told ??= progress.tile;
        stop.abort(reason);
      },
    });
    await expect(stopped).rejects.toBe(reason);
    expect(last?.phase).toBe('predict');
    expect(existsSync(job.mask)).toBe(false);
    const tiles: number[] = [];
    const result = await segmenter.segment(job, { onProgress: ({ tile }) => tiles.push(tile) });
    expect(result.resumedFrom).toBeDefined();
    // The thread may have continued for a while, into the next fold, before it stopped.
    expect(tiles[0]).toBeGreaterThanOrEqual(told ?? Number.POSITIVE_INFINITY);
    expect(await readFile(job.mask)).toEqual(await readFile(whole.mask));
    expect(await readFile(job.confidence)).toEqual(await readFile(whole.confidence));
  });

  it('runs one job at a time and drops one that is cancelled while it waits', async () => {
    const job = await tinyJob('a', 100, 70);
    const other = { ...job, ...jobIn(scratch, 'b', job.image) };
    const dropped = { ...job, ...jobIn(scratch, 'c', job.image) };
    const stop = new AbortController();
    const all = Promise.allSettled([
      segmenter.segment(job),
      segmenter.segment(dropped, { signal: stop.signal }),
      segmenter.segment(other),
    ]);
    stop.abort(new Error('not any more'));
    expect((await all).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(existsSync(dropped.mask)).toBe(false);
  });

  it('passes errors on with code and remedy', async () => {
    const job = await tinyJob('a', 40, 40);
    await writeFile(scratch.path('none.png'), 'no image at all');
    const unreadable = segmenter.segment({ ...job, image: scratch.path('none.png') });
    await expect(unreadable).rejects.toMatchObject({ name: 'ReigniteError', code: 'IMAGE_UNREADABLE' });
    await expect(unreadable).rejects.toThrow('none.png');
    await expect(segmenter.segment({ ...job, image: scratch.path('gone.png') })).rejects.toMatchObject({
      code: 'FILE_MISSING',
      remedy: expect.stringContaining('Check the path'),
    });
    await expect(segmenter.segment({ ...job, modelDir: scratch.path() })).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
    });
    await expect(segmenter.segment({ ...job, provider: 'cuda' })).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
    });
    expect(existsSync(job.mask)).toBe(false);
  });

  it('rejects networks that do not fit their model JSON', async () => {
    const modelDir = await writeTinyModel(scratch.path('model'), [32, 32]);
    const job = { ...(await tinyJob('a', 40, 40)), modelDir };
    const card = JSON.parse(await readFile(`${job.modelDir}/model.json`, 'utf8'));
    await writeFile(`${job.modelDir}/model.json`, JSON.stringify({ ...card, classes: 6, digest: '6'.repeat(64) }));
    await expect(segmenter.segment(job)).rejects.toThrow(
      /maps image \[1,3,32,32\] to softmax \[1,32,32,5\].* 6 classes/,
    );
    await writeFile(`${job.modelDir}/model.json`, JSON.stringify({ ...card, digest: '7'.repeat(64) }));
    await writeFile(`${job.modelDir}/fold_0.onnx`, 'no model at all');
    await expect(segmenter.segment(job)).rejects.toMatchObject({ code: 'MODEL_UNREADABLE' });
  });

  it('says which provider it uses, and why not a preferred one', async () => {
    const { modelDir } = await tinyJob('a', 40, 40);
    const engine = await segmenter.probe({ modelDir, provider: 'auto' });
    if (engine.provider === 'cpu')
      expect(engine.fallbacks).toEqual([expect.stringContaining('cuda'), expect.stringContaining('webgpu')]);
    expect(engine.ortVersion).toMatch(/^1\./);
  });

  it('fails the job if the thread crashes, and runs the next on a new one', async () => {
    // A thread of its own making: ending one within ONNX Runtime's native code ends the whole process, now and then.
    const dying = "require('node:worker_threads').parentPort.once('message', () => process.exit(1))";
    const threads: Worker[] = [];
    const own = createRoiSegmenter({ provider: 'cpu', threads: 1 }, () => {
      const thread = threads.length === 0 ? new Worker(dying, { eval: true }) : startSegmenterThread();
      threads.push(thread);
      return thread;
    });
    const job = await tinyJob('a', 100, 70);
    const attempt = own.segment(job);
    await expect(attempt).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    await expect(attempt).rejects.toThrow(/thread exited while it segmented .*a\.png \(exit code 1\)/);
    expect(await own.segment(job)).toMatchObject({ tiles: 24 });
    expect(threads).toHaveLength(2);
    await own.close();
  });

  it('stops the job in progress when it is closed', async () => {
    const own = createRoiSegmenter({ provider: 'cpu', threads: 1 });
    const job = await tinyJob('a', 300, 200);
    let isClosed: Promise<void> | undefined;
    const stopped = own.segment(job, {
      onProgress: () => {
        isClosed ??= own.close();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    await isClosed;
    await expect(own.segment(job)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a killed process', () => {
  const children: ReturnType<typeof spawn>[] = [];
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it.each([
    ['exact', {}],
    ['fast', { engine: 'fast' }],
    ['fast, with its sums in the graph', { engine: 'fast', sums: 'device', batchSize: 2 }],
  ] as const)('is resumed by the next one, with the same bytes: %s', async (_name, how) => {
    const job = { ...(await tinyJob('a', 300, 200)), ...how };
    const whole = { ...job, ...jobIn(scratch, 'whole', job.image) };
    await segmenter.segment(whole);
    const { rgb: _, ...plain } = job;
    await mkdir(job.partialDir, { recursive: true });
    const program = fileURLToPath(new URL('./support/segment-in-process.mjs', import.meta.url));
    let attempts = 0;
    for (let isDone = false; !isDone && attempts < 3; attempts++) {
      const child = spawn(process.execPath, [program, JSON.stringify(plain)], {
        cwd: '/',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      let seen = '';
      child.stdout.on('data', (chunk) => {
        seen += chunk;
        const isFar = Number(seen.trimEnd().split('\n').at(-1)) > 250;
        if (isFar && attempts === 0) child.kill('SIGKILL');
      });
      isDone = (await new Promise((resolve) => child.once('close', resolve))) === 0;
    }
    expect(attempts).toBe(2);
    expect(await readFile(job.mask)).toEqual(await readFile(whole.mask));
    expect(await readFile(job.confidence)).toEqual(await readFile(whole.confidence));
  });
});
