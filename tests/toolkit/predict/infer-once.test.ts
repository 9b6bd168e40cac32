import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { writeFileAtomic } from '../../../toolkit/files/atomic-write.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import type { RanEngine } from '../../../toolkit/onnx/session/engine-choice.ts';
import { describeSlide, factsOf, inferOnce, inferSlideOnce, stripKey } from '../../../toolkit/predict/infer-once.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const CPU: RanEngine = { provider: 'cpu', ortVersion: '1.30.0', instructionSet: 'x64 avx2' };
const facts = { provider: 'cpu', seconds: 1, notes: [] };

async function setUp() {
  const home = homeFolders(await temporaryFolder());
  const cache = new StepCache(home.cache);
  let times = 0;
  const infer = (engine: RanEngine, ran = engine) =>
    inferOnce({ parts: { step: 'test' }, engine }, { home, cache }, {}, async (work) => {
      times += 1;
      await writeFileAtomic(join(work, 'result'), 'x');
      return { files: { result: join(work, 'result') }, facts, ran };
    });
  return { infer, times: () => times };
}

describe('inferOnce', () => {
  it.each([
    { provider: 'cuda' },
    { adapter: 'NVIDIA H200', driver: '580.95.05' },
    { ortVersion: '1.31.0' },
    { instructionSet: 'x64 avx512f' },
    { engine: 'fast', precision: 'float32', batchSize: 0 } as const,
  ])('keeps what %j makes apart', async (other) => {
    const { infer, times } = await setUp();
    const first = await infer(CPU);
    expect(first.entry.parts).toMatchObject({ ...CPU, precision: 'float32' });
    expect((await infer({ ...CPU, ...other })).isCached).toBe(false);
    expect((await infer(CPU)).isCached).toBe(true);
    expect(times()).toBe(2);
  });

  it('stores batch sizes of the fast engine separately, but none for sums on the host', async () => {
    const { infer } = await setUp();
    const fast: RanEngine = { ...CPU, engine: 'fast', precision: 'float16' };
    expect(Object.keys((await infer(fast)).entry.parts)).not.toContain('batchSize');
    for (const batchSize of [0, 4]) expect((await infer({ ...fast, batchSize })).isCached).toBe(false);
    expect(factsOf({ ...fast, batchSize: 4, seconds: 1, notes: [] })).toMatchObject({ engine: 'fast', batchSize: 4 });
    expect((await infer({ ...fast, batchSize: 4 })).isCached).toBe(true);
    await expect(infer({ ...fast, batchSize: 3 }, { ...fast, batchSize: 4 })).rejects.toThrow('inference.batchSize 4');
  });

  it('stores nothing if a network ran on another engine than the key says', async () => {
    const { infer } = await setUp();
    const onGpu = { ...CPU, adapter: 'NVIDIA H200', driver: '580.95.05' };
    await expect(infer(onGpu, { ...onGpu, driver: '581.0' })).rejects.toThrow('on NVIDIA H200, driver 581.0;');
    await expect(infer({ ...CPU, provider: 'cuda' }, CPU)).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE' });
    expect((await infer({ ...CPU, provider: 'cuda' })).isCached).toBe(false);
  });
});

describe('inferSlideOnce', () => {
  it('keeps the GPU and the driver of the strips in the description of the slide', async () => {
    const names = { adapter: 'NVIDIA H200', driver: '580.95.05' };
    const engine = { provider: 'cuda', ...names, ortVersion: '1.30.0', instructionSet: 'x64 avx2' };
    const home = homeFolders(await temporaryFolder());
    const services = { home, cache: new StepCache(home.cache) };
    const parts = { step: 'test' };
    const strips = [
      { first: 0, end: 2 },
      { first: 2, end: 3 },
    ];
    for (const rows of strips) {
      await inferOnce({ parts: stripKey(parts, rows), engine }, services, {}, async (work) => {
        await writeFileAtomic(join(work, 'rows'), String(rows.first));
        const facts = factsOf({ ...engine, seconds: 1, notes: ['a note'] });
        return { files: { rows: join(work, 'rows') }, facts, ran: engine };
      });
    }
    const inferred = await inferSlideOnce({ strips, parts, engine }, ['rows'], services, {}, async () => {
      throw new Error('A strip is missing.');
    });
    expect(inferred.facts).toEqual({ provider: 'cuda', ...names, seconds: 2, notes: ['a note'] });
    const size = { width: 20, height: 10 };
    const seen = { slide: size, view: { width: 10, height: 5 }, sha256: 'abc', mpp: 0.25 };
    expect(describeSlide({ image: '/slides/a.svs', name: 'a' }, seen, inferred)).toEqual({
      image: '/slides/a.svs',
      name: 'a',
      sha256: 'abc',
      ...size,
      mpp: 0.25,
      resampledTo: { width: 10, height: 5 },
      cached: false,
      key: inferred.entry.key,
      provider: 'cuda',
      ...names,
      seconds: 2,
    });
  });
});
