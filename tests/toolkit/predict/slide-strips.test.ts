import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { concatenateFiles, writeFileAtomic } from '../../../toolkit/files/atomic-write.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { describeSlide, factsOf, inferOnce, joinStrips, stripKey } from '../../../toolkit/predict/infer-once.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const names = { adapter: 'NVIDIA H200', driver: '580.95.05' };
const engine = { provider: 'cuda', ...names, ortVersion: '1.30.0', instructionSet: 'x64 avx2' };

describe('joinStrips', () => {
  it('keeps the GPU and the driver of the strips in the description of the slide', async () => {
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
    const inferred = await inferOnce({ parts, engine }, services, {}, async (work) => {
      const joined = await joinStrips({ strips, parts, engine }, services, work, { rows: concatenateFiles });
      if (joined === undefined) throw new Error('A strip is missing.');
      return joined;
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
