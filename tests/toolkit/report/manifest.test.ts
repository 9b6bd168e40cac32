import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { changedSinceManifest, verifyManifest, writeManifest } from '../../../toolkit/report/manifest.ts';
import { RESULTS } from '../../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

async function resultsFolder(): Promise<string> {
  const results = await temporaryFolder();
  await mkdir(join(results, 'metrics'));
  await writeFile(join(results, 'metrics', 'he.json'), '{}');
  await writeFile(join(results, 'two words.txt'), 'text');
  return results;
}

describe('the manifest', () => {
  it('lists every file in the format of sha256sum', async () => {
    const results = await resultsFolder();
    expect(await writeManifest(results)).toBe(2);
    const checked = execFileSync('sha256sum', ['-c', RESULTS.manifest.path], { cwd: results, encoding: 'utf8' });
    expect(checked).toBe('metrics/he.json: OK\ntwo words.txt: OK\n');
    expect(await verifyManifest(results)).toEqual({ files: 2, findings: [] });
  });

  it('reports missing, changed and extra files', async () => {
    const results = await resultsFolder();
    await writeManifest(results);
    await writeFile(join(results, 'metrics', 'he.json'), '[]');
    await rm(join(results, 'two words.txt'));
    await writeFile(join(results, 'a.txt'), '');
    expect((await verifyManifest(results)).findings).toEqual([
      { path: 'a.txt', kind: 'extra' },
      { path: 'metrics/he.json', kind: 'changed' },
      { path: 'two words.txt', kind: 'missing' },
    ]);
  });

  it('says what was lost or changed before it is rewritten', async () => {
    const results = await resultsFolder();
    expect(await changedSinceManifest(results)).toEqual([]);
    await writeManifest(results);
    await rm(join(results, 'metrics', 'he.json'));
    await writeFile(join(results, 'new.txt'), '');
    expect(await changedSinceManifest(results)).toEqual([{ path: 'metrics/he.json', kind: 'missing' }]);
  });

  it('is reported by name if it is missing', async () => {
    await expect(verifyManifest(await resultsFolder())).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });
});
