import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { fileExists } from '../../../toolkit/files/file-exists.ts';
import { writeReport } from '../../../toolkit/report/write-report.ts';
import { judgeTissue } from '../../../toolkit/verdict/judge-tissue.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

/** Results of one ROI that cannot be compared, under a name that HTML must not take for its own. */
const ROI = 'a<b>&c';

async function writeResults(): Promise<string> {
  const results = await temporaryFolder();
  await mkdir(join(results, 'verdict'));
  await mkdir(join(results, 'figures', 'he', 'cases'), { recursive: true });
  const verdict = judgeTissue([{ roi: ROI, reason: 'It is <gone>.' }], undefined, VerdictConfig.parse({}).he);
  await writeFile(join(results, 'verdict', 'he.json'), JSON.stringify(verdict));
  await sharp({ create: { width: 900, height: 300, channels: 3, background: 'plum' } })
    .png()
    .toFile(join(results, 'figures', 'he', 'cases', `${ROI}.png`));
  const rois = { total: 1, computed: 1, cached: 0, failed: 0 };
  const tasks = { he: { verdict: verdict.verdict, rois, failures: [], worst: [] } };
  const summary = { run: 'r/1', record: '7', profile: 'p', digest: 'd', status: 'done', tasks };
  await writeFile(join(results, 'summary.json'), JSON.stringify(summary));
  return results;
}

describe('writeReport', () => {
  it('writes a page whose links lead somewhere, and a thumbnail', async () => {
    const results = await writeResults();
    await writeReport(results, { version: '1.2.3' });
    const html = await readFile(join(results, 'report', 'index.html'), 'utf8');
    expect(html).toContain('not comparable');
    expect(html).toContain('It is &lt;gone&gt;.');
    expect(html).not.toContain(ROI);
    const links = [...html.matchAll(/(?:href|src)="([^"#]+)"/g)].map(([, link = '']) => decodeURIComponent(link));
    expect(links.length).toBeGreaterThan(1);
    for (const link of links) expect(await fileExists(join(results, 'report', link)), link).toBe(true);
    const images = [...html.matchAll(/<img [^>]*>/g)].map(([tag]) => tag);
    expect(images.every((tag) => /alt="[^"]+"/.test(tag))).toBe(true);
    const { width } = await sharp(join(results, 'report', 'assets', 'he', `${ROI}.webp`)).metadata();
    expect(width).toBe(400);
  });

  it('writes a crate that names the run, the software and the results, and no user or host', async () => {
    const results = await writeResults();
    await writeReport(results, { version: '1.2.3' });
    const text = await readFile(join(results, 'ro-crate-metadata.json'), 'utf8');
    const { '@graph': graph }: { '@graph': { '@id': string; '@type': string; hasPart?: { '@id': string }[] }[] } =
      JSON.parse(text);
    const ids = new Set(graph.map((entity) => entity['@id']));
    expect(ids.size).toBe(graph.length);
    const parts = graph.find((entity) => entity['@id'] === './')?.hasPart?.map((part) => part['@id']) ?? [];
    expect(parts).toEqual(expect.arrayContaining(['summary.json', 'report/index.html', 'verdict/he.json', 'figures/']));
    expect(parts.every((part) => ids.has(part))).toBe(true);
    expect(graph.filter((entity) => entity['@type'] === 'CreateAction')).toHaveLength(1);
  });

  it('needs a summary', async () => {
    await expect(writeReport(await temporaryFolder(), { version: '1' })).rejects.toMatchObject({
      code: 'FILE_MISSING',
    });
  });
});
