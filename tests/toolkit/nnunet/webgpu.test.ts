import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { decodeLabels } from '../../../toolkit/image/decode-labels.ts';
import { createRoiSegmenter } from '../../../toolkit/nnunet/sliding-window/roi-segmenter.ts';
import { noise } from '../../support/random-numbers.ts';
import { webgpuMissing } from '../../support/software-vulkan.ts';
import { jobIn, readGrey16, useScratch, writeRgb } from './support/scratch.ts';
import { writeTinyModel } from './support/tiny-model.ts';

/** Confidence at which float32 sums in another order may choose the other label, of 65,535. */
const NEAR_TIE = 66;
const [WIDTH, HEIGHT, TILE] = [100, 120, 32];

const scratch = useScratch();
const missing = await webgpuMissing();
const onGpu = createRoiSegmenter({ provider: 'webgpu', threads: 1 });
const onCpu = createRoiSegmenter({ provider: 'cpu', threads: 1 });
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(async () => {
  await onGpu.close();
  await onCpu.close();
});

async function tinyJob(name: string) {
  const image = await writeRgb(scratch.path('image.png'), WIDTH, HEIGHT, noise(WIDTH * HEIGHT * 3, 5));
  const modelDir = await writeTinyModel(scratch.path('model'), [TILE, TILE]);
  return { ...jobIn(scratch, name, image), modelDir };
}

describe.skipIf(missing !== undefined)(`segmentation on WebGPU (${missing ?? 'on the driver at hand'})`, () => {
  it('gives the masks of the CPU except for near ties, the same twice, and opens networks once', async () => {
    const [job, again, cpu] = [await tinyJob('gpu'), await tinyJob('again'), await tinyJob('cpu')];
    const ran = await onGpu.segment(job);
    const second = await onGpu.segment(again);
    await onCpu.segment(cpu);
    expect(ran).toMatchObject({ provider: 'webgpu', fallbacks: [] });
    expect(ran.adapter).toMatch(/\w/);
    expect(second.counts?.opened).toBe(ran.counts?.opened);
    expect(await readFile(again.mask)).toEqual(await readFile(job.mask));
    const [ours, theirs] = [await decodeLabels(job.mask), await decodeLabels(cpu.mask)];
    const confidences = await readGrey16(cpu.confidence);
    const differing = [...ours.data.keys()].filter((at) => ours.data[at] !== theirs.data[at]);
    for (const at of differing) expect(confidences[at]).toBeLessThanOrEqual(NEAR_TIE);
    expect(differing.length).toBeLessThan(ours.data.length / 1000);
  });

  it('gives the labels of the CPU with the fast engine too, except for near ties', async () => {
    const [job, cpu] = [await tinyJob('fast'), await tinyJob('fast-cpu')];
    expect(await onGpu.segment({ ...job, engine: 'fast' })).toMatchObject({
      provider: 'webgpu',
      engine: 'fast',
      precision: 'float32',
    });
    await onCpu.segment(cpu);
    const [ours, theirs] = [await decodeLabels(job.mask), await decodeLabels(cpu.mask)];
    const confidences = await readGrey16(cpu.confidence);
    for (const [at, label] of theirs.data.entries()) {
      if (ours.data[at] !== label) expect(confidences[at]).toBeLessThanOrEqual(NEAR_TIE);
    }
  });

  it('stops within a few tiles when aborted, and resumes to the same mask', async () => {
    const [job, whole] = [await tinyJob('stopped'), await tinyJob('whole')];
    await onGpu.segment(whole);
    const stop = new AbortController();
    const reason = new Error('enough');
    let [askedAt, of, last] = [0, 0, 0];
    const stopped = onGpu.segment(job, {
      signal: stop.signal,
      onProgress: (progress) => {
        last = progress.tile;
        of = progress.of;
        if (progress.row !== 1 || stop.signal.aborted) return;
        askedAt = progress.tile;
        stop.abort(reason);
      },
    });
    await expect(stopped).rejects.toBe(reason);
    expect(last).toBeLessThan(of - 1);
    expect(askedAt).toBeGreaterThan(0);
    expect(existsSync(job.mask)).toBe(false);
    expect((await onGpu.segment(job)).resumedFrom).toBeDefined();
    expect(await readFile(job.mask)).toEqual(await readFile(whole.mask));
  });

  it('resumes after a killed process, to the same mask', async () => {
    const [job, whole] = [await tinyJob('killed'), await tinyJob('whole')];
    await onGpu.segment(whole);
    await mkdir(job.partialDir, { recursive: true });
    const program = fileURLToPath(new URL('./support/segment-in-process.mjs', import.meta.url));
    const order = JSON.stringify({ ...job, provider: 'webgpu' });
    const child = spawn(process.execPath, [program, order], {
      cwd: '/',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    for await (const chunk of child.stdout) {
      const passes = Number(String(chunk).trimEnd().split('\n').at(-1));
      if (passes > 30) child.kill('SIGKILL');
    }
    expect(existsSync(job.mask)).toBe(false);
    expect((await onGpu.segment(job)).resumedFrom).toBeDefined();
    expect(await readFile(job.mask)).toEqual(await readFile(whole.mask));
  });
});
