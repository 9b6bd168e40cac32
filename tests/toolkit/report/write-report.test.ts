import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { listArchive } from '../../../toolkit/archive/read-archive.ts';
import { HE_LABELS } from '../../../toolkit/dataset/tissue-labels.ts';
import { fileExists } from '../../../toolkit/files/file-access.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { heMetrics } from '../../../toolkit/metrics/he-metrics.ts';
import { filesBelow } from '../../../toolkit/report/manifest.ts';
import { isWrittenByReport, writeReport } from '../../../toolkit/report/write-report.ts';
import { judgeTissue } from '../../../toolkit/verdict/judge-tissue.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

/** Results of one ROI that cannot be compared, under a name that HTML must not take for its own. */
const ROI = 'a<b>&c';

async function writeResults(): Promise<string> {
  const results = await temporaryFolder();
  await mkdir(join(results, 'verdict'));
  await mkdir(join(results, 'figures', 'he'), { recursive: true });
  const verdict = judgeTissue(
    'he',
    [{ kind: 'not compared', roi: ROI, reason: 'It is <gone>.' }],
    undefined,
    VerdictConfig.parse({}).he,
  );
  await writeFile(join(results, 'verdict', 'he.json'), JSON.stringify(verdict));
  await writeFile(join(results, 'figures', 'he', 'cm_all.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  const rois = { total: 1, computed: 1, cached: 0, failed: 0 };
  const tasks = { he: { verdict: verdict.verdict, rois, failures: [], worst: [] } };
  const summary = { run: 'r/1', record: '7', profile: 'p', digest: 'd', status: 'done', tasks };
  await writeFile(join(results, 'summary.json'), JSON.stringify(summary));
  return results;
}

/** A record of that one ROI, whose published mask differs from ours in one pixel. */
async function writeRecord(results: string): Promise<string> {
  const data = await temporaryFolder();
  const [width, height] = [60, 40];
  for (const folder of ['images/he', 'annotations/he', 'inference/he'])
    await mkdir(join(data, folder), { recursive: true });
  for (const folder of ['inference/he', 'confidence/he']) await mkdir(join(results, folder), { recursive: true });
  const roi = 'x_with_context';
  await sharp({ create: { width, height, channels: 3, background: 'plum' } })
    .png()
    .toFile(join(data, 'images/he', `${roi}.png`));
  const mask = (value: (at: number) => number) =>
    sharp(
      Uint8Array.from({ length: width * height }, (_, at) => value(at)),
      { raw: { width, height, channels: 1 } },
    )
      .toColourspace('b-w')
      .png();
  await mask(() => 2).toFile(join(data, 'annotations/he', `${roi}.png`));
  await mask(() => 2).toFile(join(results, 'inference/he', `${roi}.png`));
  await mask((at) => (at === 30 * width + 20 ? 4 : 2)).toFile(join(data, 'inference/he', `${roi}.png`));
  const row = 'images/he/x.png,annotations/he/x.png,he_tissue_segmentation,test,H&E';
  await writeFile(join(data, 'data_overview.csv'), `image_path,annotation_path,task,split,stain\n${row}\n`);
  const verdict = judgeTissue(
    'he',
    [{ kind: 'not compared', roi, reason: 'for the test' }],
    undefined,
    VerdictConfig.parse({}).he,
  );
  await writeFile(join(results, 'verdict', 'he.json'), JSON.stringify(verdict));
  return data;
}

describe('writeReport', () => {
  it('knows which files it writes', async () => {
    const results = await writeResults();
    const before = await filesBelow(results);
    await writeReport(results, { version: '1.2.3' });
    const written = (await filesBelow(results)).filter((path) => !before.includes(path));
    expect(written.length).toBeGreaterThan(5);
    expect(written.filter((path) => !isWrittenByReport(path))).toEqual([]);
    expect(before.filter(isWrittenByReport)).toEqual([]);
  });

  it('writes a page whose links lead somewhere within the report, and needs no network', async () => {
    const results = await writeResults();
    await writeReport(results, { version: '1.2.3' });
    const html = await readFile(join(results, 'report', 'index.html'), 'utf8');
    expect(html).toContain('not comparable');
    expect(html).toContain('It is &lt;gone&gt;.');
    expect(html).not.toContain(ROI);
    const links = [...html.matchAll(/ (?:href|src)="([^"]+)"/g)].map(([, link = '']) => decodeURIComponent(link));
    expect(links.length).toBeGreaterThan(5);
    for (const link of links) {
      if (/^(data|https):/.test(link)) continue;
      if (link.startsWith('#')) expect(html, link).toContain(` id="${link.slice(1)}"`);
      else expect(link.startsWith('..') || !(await fileExists(join(results, 'report', link))), link).toBe(false);
    }
    const images = [...html.matchAll(/<img [^>]*>/g)].map(([tag]) => tag);
    expect(images.every((tag) => / alt="/.test(tag))).toBe(true);
  });

  it('draws the layers of an ROI, and a difference of a single pixel', async () => {
    const results = await writeResults();
    const data = await writeRecord(results);
    await writeReport(results, { version: '1.2.3', data });
    const read = async () => JSON.parse(await readFile(join(results, 'report', 'assets', 'layers.json'), 'utf8'));
    const [layers] = (await read()).rois;
    expect(layers).toMatchObject({ roi: 'x_with_context', width: 60, height: 40, spots: [{ x: 20, y: 30, count: 1 }] });
    expect(Object.keys(layers.files).sort()).toEqual(['differ', 'image', 'ours', 'published', 'truth']);
    expect(layers.notes).toEqual(['The layer "confidence" is missing: its file cannot be read (FILE_MISSING).']);
    const html = await readFile(join(results, 'report', 'index.html'), 'utf8');
    expect(html).toContain('data-view="he/x_with_context"');
    const { data: pixels } = await sharp(join(results, 'report', layers.files.differ))
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([...pixels.subarray(4 * (30 * 60 + 20), 4 * (30 * 60 + 21))]).toEqual([0, 0, 0, 255]);
    expect(pixels.filter((value, at) => at % 4 === 3 && value > 0)).toHaveLength(9);
    const names = (await listArchive(join(results, 'report.zip'), {})).members.map(({ path }) => path);
    expect(names).toEqual(expect.arrayContaining(['report/index.html', `report/${layers.files.differ}`]));
    await writeReport(results, { version: '1.2.3' });
    expect((await read()).rois, 'without the record').toHaveLength(1);
  });

  it('names a published mask of another size, which has no layer', async () => {
    const results = await writeResults();
    const data = await writeRecord(results);
    const published = join(data, 'inference/he/x_with_context.png');
    await sharp(published)
      .extract({ left: 0, top: 0, width: 30, height: 20 })
      .toColourspace('b-w')
      .png()
      .toFile(`${published}.small`);
    await rename(`${published}.small`, published);
    await writeReport(results, { version: '1.2.3', data });
    const { rois } = JSON.parse(await readFile(join(results, 'report', 'assets', 'layers.json'), 'utf8'));
    expect(Object.keys(rois[0].files)).not.toContain('published');
    expect(rois[0].notes).toContain('The layer "published" is missing: its mask has 30 x 20 px instead of 60 x 40 px.');
  });

  it('writes a crate that names the run, the software and the results, and no user or host', async () => {
    const results = await writeResults();
    await writeFile(join(results, 'acquisition.json'), '{}');
    await writeReport(results, { version: '1.2.3' });
    const text = await readFile(join(results, 'ro-crate-metadata.json'), 'utf8');
    const { '@graph': graph }: { '@graph': { '@id': string; '@type': string; hasPart?: { '@id': string }[] }[] } =
      JSON.parse(text);
    const ids = new Set(graph.map((entity) => entity['@id']));
    expect(ids).toContain('acquisition.json');
    expect(ids.size).toBe(graph.length);
    const parts = graph.find((entity) => entity['@id'] === './')?.hasPart?.map((part) => part['@id']) ?? [];
    expect(parts).toEqual(expect.arrayContaining(['summary.json', 'report/index.html', 'verdict/he.json', 'figures/']));
    expect(parts.every((part) => ids.has(part))).toBe(true);
    expect(graph.filter((entity) => entity['@type'] === 'CreateAction')).toHaveLength(1);
  });

  it('lists in the crate every file of the manifest, or its folder, and no file of the user', async () => {
    const results = await writeResults();
    await mkdir(join(results, 'verdict', 'nuclei-declared'));
    await writeFile(join(results, 'verdict', 'nuclei-declared', 'a_nuclei_roi1.json'), '[]');
    await writeFile(join(results, 'notes.txt'), 'of the user');
    await writeReport(results, { version: '1.2.3' });
    const manifest = await readFile(join(results, 'manifest.sha256'), 'utf8');
    const written = manifest
      .trim()
      .split('\n')
      .map((line) => line.slice(66));
    const { '@graph': graph } = JSON.parse(await readFile(join(results, 'ro-crate-metadata.json'), 'utf8'));
    const root: { hasPart: { '@id': string }[] } = graph.find((each: { '@id': string }) => each['@id'] === './');
    const parts = root.hasPart.map((part) => part['@id']);
    const isCovered = (path: string) =>
      parts.some((part) => part === path || (part.endsWith('/') && path.startsWith(part)));
    expect(written.filter((path) => !isCovered(path))).toEqual(['notes.txt', 'ro-crate-metadata.json']);
    expect(parts).toContain('verdict/nuclei-declared/');
  });

  it.each([
    ['running', { actionStatus: 'http://schema.org/ActiveActionStatus' }],
    ['partial', { actionStatus: 'http://schema.org/CompletedActionStatus', endTime: expect.any(String) }],
    ['failed', { actionStatus: 'http://schema.org/FailedActionStatus', error: 'The run failed.' }],
    ['cancelled', { actionStatus: 'http://schema.org/FailedActionStatus', error: 'The run was cancelled.' }],
  ])('writes the crate of a run that is %s', async (status, expected) => {
    const results = await writeResults();
    const summary = JSON.parse(await readFile(join(results, 'summary.json'), 'utf8'));
    await writeFile(join(results, 'summary.json'), JSON.stringify({ ...summary, status }));
    await writeReport(results, { version: '1.2.3' });
    const { '@graph': graph } = JSON.parse(await readFile(join(results, 'ro-crate-metadata.json'), 'utf8'));
    const action = graph.find((entity: { '@id': string }) => entity['@id'] === '#run');
    expect(action).toMatchObject(expected);
    expect('endTime' in action).toBe(status !== 'running');
  });

  it('writes a certificate that says what was checked, when, and with which result, and names no user', async () => {
    const results = await writeResults();
    const summary = JSON.parse(await readFile(join(results, 'summary.json'), 'utf8'));
    await writeFile(join(results, 'summary.json'), JSON.stringify({ ...summary, ended: '2026-01-02T03:04:05.000Z' }));
    await writeReport(results, { version: '1.2.3' });
    const text = await readFile(join(results, 'codecheck.yml'), 'utf8');
    expect(text).toMatch(/^---\n/);
    const certificate = parse(text);
    expect(certificate).toMatchObject({
      paper: { title: 'None; compared: record 7' },
      codechecker: [{ name: 'The person or group that ran reignite' }],
      check_time: '2026-01-02T03:04:05.000Z',
      report: 'report/index.html',
      reignite: {
        version: '1.2.3',
        run: 'r/1',
        results: [{ task: 'he', verdict: 'not comparable', rois: 1, predictions: { verdict: 'not comparable' } }],
      },
    });
    const listed = certificate.manifest.map(({ file }: { file: string }) => file);
    expect(listed).toEqual(['verdict/he.json']);
    expect(await readFile(join(results, 'manifest.sha256'), 'utf8')).toContain('  codecheck.yml\n');
  });

  it('redraws a figure only if its numbers have changed', async () => {
    const results = await writeResults();
    await mkdir(join(results, 'metrics'));
    const measure = (hits: number) => {
      const rows = HE_LABELS.map((_, i) => HE_LABELS.map((__, k) => (i === k ? hits : 1)));
      return writeFile(join(results, 'metrics', 'he.json'), JSON.stringify(heMetrics(ConfusionMatrix.fromRows(rows))));
    };
    await measure(9);
    await writeReport(results, { version: '1' });
    const folder = join(results, 'report', 'assets', 'figures', 'he');
    const name = (await readdir(folder)).find((each) => each.endsWith('_accessible.svg')) ?? '';
    const drawn = await readFile(join(folder, name), 'utf8');
    await writeFile(join(folder, name), drawn.replace('<svg', '<svg data-kept=""'));
    await writeReport(results, { version: '1' });
    expect(await readFile(join(folder, name), 'utf8')).toContain('data-kept');
    await measure(5);
    await writeReport(results, { version: '1' });
    expect(await readFile(join(folder, name), 'utf8')).not.toContain('data-kept');
  });

  it('needs a summary', async () => {
    await expect(writeReport(await temporaryFolder(), { version: '1' })).rejects.toMatchObject({
      code: 'FILE_MISSING',
    });
  });
});
