import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../config/package-files.ts';
import { entryOf, RESULTS } from '../../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

describe('the table of a results folder', () => {
  it('puts names into a path', () => {
    expect(RESULTS.candidates.named('pdl1', 'patient1')).toBe('candidates/pdl1/patient1.json');
    expect(RESULTS.mask.in('results/sample', 'pdl1/nuclei', 'roi')).toBe(
      join('results/sample/inference/pdl1/nuclei/roi.png'),
    );
  });

  it.each([
    ['inference/pdl1/nuclei/patient5_nuclei_roi1.npy', RESULTS.points],
    ['metrics/he.json', RESULTS.metrics],
    ['verdict/he.json', RESULTS.verdict],
    ['verdict/discrepancies.json', RESULTS.discrepancies],
    ['metrics/nuclei.remarks.json', RESULTS.remarks],
    ['verdict/nuclei-declared/patient5.json', RESULTS.declaredCandidates],
    ['figures/he/cases/patient1.png', RESULTS.caseFigure],
  ])('finds the entry of %s', (path, entry) => {
    expect(entryOf(path)).toBe(entry);
  });

  it.each(['notes.txt', 'summary.json.bak', 'xsummary.json', 'metrics/he/extra.json'])(
    'knows no entry for %s',
    (path) => {
      expect(entryOf(path)).toBeUndefined();
    },
  );

  it('names existing source files', () => {
    const writers = Object.values(RESULTS).map(({ writer }) => writer);
    expect(writers.filter((writer) => !existsSync(packageFile(writer)))).toEqual([]);
  });

  it('distinguishes a missing file from a damaged one', async () => {
    const results = await temporaryFolder();
    await expect(RESULTS.summary.read(results)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    expect(await RESULTS.summary.readIfThere(results)).toBeUndefined();
    await mkdir(results, { recursive: true });
    await writeFile(RESULTS.summary.in(results), '{"run":');
    await expect(RESULTS.summary.readIfThere(results)).rejects.toMatchObject({ code: 'FILE_DAMAGED' });
    expect(await RESULTS.summary.readIfValid(results)).toBeUndefined();
  });
});
