import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveHome } from '../support/serve-home.ts';

const folder = suiteFolder();

/** The nuclei of the sample, served under the number of the paper's record. */
describe('a paper run on the sample data', () => {
  const place = () => ({ home: join(folder(), 'home'), cwd: folder() });
  const read = (path: string) => readFile(join(folder(), 'results', path), 'utf8');
  let stop: () => Promise<void>;
  let stdout = '';

  beforeAll(async () => {
    stop = await serveHome(place());
    const set = ['zenodo.serveFrom=data/sample', 'inference.provider=cpu'].flatMap((each) => ['--set', each]);
    const words = ['run', '--profile', 'paper', '--tasks', 'nuclei', '--data', 'data', '--results', 'results', ...set];
    const ended = await runHere(words, place());
    expect(ended.status, ended.stderr).toBe(0);
    stdout = ended.stdout;
  });
  afterAll(() => stop());

  it('says synthetic in every line of the terminal that names a verdict', async () => {
    const listed = await runHere(['list'], place());
    const status = await runHere(['status'], place());
    for (const text of [stdout, listed.stdout, status.stdout]) {
      const lines = text.split('\n').filter((line) => /reproduced|not comparable|within tolerance|differs/.test(line));
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) expect(line).toContain('synthetic');
    }
    expect(stdout).toContain('this says nothing about the paper');
  });

  it('says so in summary, report, README, badge and crate, and cites nothing', async () => {
    expect(JSON.parse(await read('summary.json')).provenance.kind).toBe('synthetic');
    const [page, readme, badge, crate] = await Promise.all(
      ['report/index.html', 'README.md', 'report/assets/badge.svg', 'ro-crate-metadata.json'].map(read),
    );
    for (const text of [page, readme, badge, crate]) {
      expect(text).toContain('synthetic');
      expect(text).not.toMatch(/arXiv|doi\.org|zenodo\.org|Yes, it reproduces/);
    }
    expect(page).toContain('class="banner"');
    await expect(read('report/assets/methods.txt')).rejects.toThrow('ENOENT');
  });
});
