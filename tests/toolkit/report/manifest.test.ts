import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  changedSinceManifest,
  earlierManifest,
  verifyManifest,
  writeManifest,
} from '../../../toolkit/report/manifest.ts';
import { isWrittenByReport } from '../../../toolkit/report/write-report.ts';
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
    const changes = async (between: () => Promise<void> = async () => undefined) => {
      const earlier = await earlierManifest(results);
      await between();
      await writeManifest(results);
      return changedSinceManifest(results, earlier, isWrittenByReport);
    };
    expect(await changes()).toEqual([]);
    await rm(join(results, 'metrics', 'he.json'));
    await writeFile(join(results, 'new.txt'), '');
    await writeFile(join(results, 'two words.txt'), 'other');
    expect(await changes()).toEqual([
      { path: 'metrics/he.json', kind: 'missing' },
      { path: 'two words.txt', kind: 'changed' },
    ]);
    expect(await changes(), 'told once').toEqual([]);
  });

  it('does not report what the rebuilding of a report rewrites or removes', async () => {
    const results = await resultsFolder();
    await mkdir(join(results, 'report'));
    const written = ['report/index.html', 'README.md', 'report.zip', 'codecheck.yml', 'ro-crate-metadata.json'];
    for (const path of [...written, 'report/old.svg']) await writeFile(join(results, path), 'before');
    await writeManifest(results);
    // An interrupted report left these, newer than the manifest.
    for (const path of written) await writeFile(join(results, path), 'interrupted');
    const earlier = await earlierManifest(results);
    await rm(join(results, 'report', 'old.svg'));
    await writeManifest(results);
    expect(await changedSinceManifest(results, earlier, isWrittenByReport)).toEqual([]);
  });

  it('is reported by name if it is missing', async () => {
    await expect(verifyManifest(await resultsFolder())).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });
});
