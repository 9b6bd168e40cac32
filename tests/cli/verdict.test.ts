import { copyFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verdictLines } from '../../cli/run/run-report.ts';
import { readersFile } from '../../toolkit/dataset/layout.ts';
import { HE_LABELS } from '../../toolkit/dataset/tissue-labels.ts';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { encodeIndexed, encodeLabels } from '../../toolkit/image/encode-png.ts';
import { readNpy, writeNpy } from '../../toolkit/numpy.ts';
import { Summary } from '../../toolkit/report/summary.ts';
import { entryOf } from '../../toolkit/results/results-folder.ts';
import { DiscrepanciesFile } from '../../toolkit/verdict/discrepancies/discrepancies-file.ts';
import { CellsVerdictFile, HeVerdictFile } from '../../toolkit/verdict/verdict-file.ts';
import { BROWSER } from '../support/browser.ts';
import { checkInBrowser } from '../support/check-in-browser.ts';
import { runHere } from '../support/command-here.ts';
import { filesBelow } from '../support/files-below.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveHome } from '../support/serve-home.ts';
import { writeTinyRecord, zipRecord } from '../support/tiny-record.ts';

const SPOILT = 'patient1_he_roi1_with_context';
const SMALLER = 'patient1_he_roi2_with_context';
const MOVED = 'nuclei_roi_1';
const UNREADABLE = 'nuclei_roi_2';
const PALETTE = 'patient2_he_roi1_with_context';
const MOVED_BY = 30;

const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });

/** Runs a tiny record of the folder's; all runs share a state directory, so that each network sees each image once. */
async function run(served: string) {
  const cwd = folder();
  const set = [`zenodo.serveFrom=${join(cwd, served)}`, `name=${served}`, 'record=42', 'inference.provider=cpu'];
  const words = ['run', '--json', '--data', `data-${served}`, '--results', `results-${served}`];
  const ended = await runHere([...words, ...set.flatMap((each) => ['--set', each])], place());
  return { ...ended, results: join(cwd, `results-${served}`) };
}

/**
 * A record that publishes what `results` holds, except for one mask and the points of one image; another mask is too
 * small, and another image's points are not an array.
 */
async function publish(results: string): Promise<void> {
  const unpacked = join(folder(), 'unpacked');
  await cp(join(results, 'inference'), join(unpacked, 'inference'), { recursive: true });
  await copyFile(join(results, 'figures', 'he', 'cm.npy'), join(unpacked, 'figures', 'he', 'cm.npy'));
  const mask = join(unpacked, 'inference', 'he', `${SPOILT}.png`);
  const { data: labels, ...size } = await decodeLabels(mask);
  const every50th = labels.map((label, at) => (at % 50 === 0 ? (label + 1) % 17 : at % 50 === 1 ? 255 : label));
  await encodeLabels(mask, { ...size, data: every50th });
  const points = join(unpacked, 'inference', 'pdl1', 'nuclei', `${MOVED}.npy`);
  const { shape, data } = await readNpy(points);
  const moved = Float32Array.from(data, Number).map((value, k) => (k % 3 === 0 ? value + MOVED_BY : value));
  await writeNpy(points, { dtype: 'float32', shape: [...shape], data: moved });
  await encodeLabels(join(unpacked, 'inference', 'he', `${SMALLER}.png`), {
    width: 1,
    height: 1,
    data: Uint8Array.of(2),
  });
  await writeFile(join(unpacked, 'inference', 'pdl1', 'nuclei', `${UNREADABLE}.npy`), 'not an array');
  const palette = join(unpacked, 'inference', 'he', `${PALETTE}.png`);
  const colours = HE_LABELS.map(({ colour }) => colour);
  await encodeIndexed(palette, await decodeLabels(palette), colours);
  await numberFromZero(join(unpacked, readersFile('pdl1')));
  await zipRecord(unpacked, join(folder(), 'spoilt'));
}

/** Lets the ids of categories begin at 0, so that the authors' rule exchanges the classes. */
async function numberFromZero(path: string): Promise<void> {
  const coco = JSON.parse(await readFile(path, 'utf8'));
  for (const category of coco.categories) category.id -= 1;
  for (const annotation of coco.annotations) annotation.category_id -= 1;
  await writeFile(path, JSON.stringify(coco));
}

describe('the verdict of a run', () => {
  let stop: () => Promise<void>;
  let first: Awaited<ReturnType<typeof run>>;

  beforeAll(async () => {
    await writeTinyRecord(folder());
    stop = await serveHome(place());
    first = await run('served');
  });

  afterAll(() => stop());

  it('is `not comparable` if nothing was published, which is not a failure', () => {
    expect(first.status, first.stderr).toBe(0);
    const verdict = 'not comparable';
    expect(JSON.parse(first.stdout).tasks).toMatchObject({
      he: { verdict, worst: [] },
      nuclei: { verdict, worst: [] },
      pdl1: { verdict, worst: [] },
    });
  });

  it('writes only files in the table of the results folder', async () => {
    const files = Object.keys(await filesBelow(first.results));
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((path) => entryOf(path) === undefined)).toEqual([]);
  });

  it('measures the discrepancy report', async () => {
    const text = await readFile(join(first.results, 'verdict', 'discrepancies.json'), 'utf8');
    const { entries } = DiscrepanciesFile.parse(JSON.parse(text));
    expect(entries.map(({ id }) => id)).toEqual([
      'background-in-dice',
      'predicted-unannotated',
      'stray-values',
      'label-names',
      'window-rounding',
      'nuclei-settings',
      'first-box-offset',
      'uint16-overflow',
      'tie-order',
      'nms-time-limit',
      'rows-without-files',
      'patients-in-both-splits',
      'duplicate-images',
      'sizes-and-areas',
      'negated-masks',
      'stray-value-files',
      'images-with-alpha',
      'original-not-installable',
    ]);
    expect(entries.find(({ id }) => id === 'nuclei-settings')?.effect).toMatch(/^Detected again .* on \d images?: /);
  });

  it('is `differs` for tasks with other published predictions, with status 4 and the ROI first', async () => {
    await publish(first.results);
    const { status, stdout, stderr, results } = await run('spoilt');
    expect(status, stderr).toBe(4);
    const { tasks } = JSON.parse(stdout);
    expect(tasks).toMatchObject({
      he: { verdict: 'differs', worst: [{ roi: SPOILT }] },
      nuclei: { verdict: 'differs', worst: [{ roi: MOVED }] },
      pdl1: { verdict: 'reproduced', worst: [] },
    });
    const read = async (task: string) => JSON.parse(await readFile(join(results, 'verdict', `${task}.json`), 'utf8'));
    const he = HeVerdictFile.parse(await read('he'));
    expect(he.uncertainty).toMatchObject({ patients: 2, resamples: 2_000 });
    expect(he.dice.all[0]?.differenceInterval?.dropped).toBe(0);
    const roiOf = (rois: readonly { readonly roi: string }[], name: string) => rois.find(({ roi }) => roi === name);
    const reason = expect.stringMatching(/: the annotation .* has 30 x 41 px, the prediction .* 1 x 1 px/);
    expect(roiOf(he.rois, SMALLER)).toMatchObject({ verdict: 'not comparable', reason });
    const nuclei = CellsVerdictFile.parse(await read('nuclei'));
    expect(roiOf(nuclei.rois, UNREADABLE)).toMatchObject({ verdict: 'not comparable' });
    expect(nuclei.inference.pooled.ours, 'the rest is judged').toBeGreaterThan(0);
    const pdl1 = CellsVerdictFile.parse(await read('pdl1'));
    expect(pdl1.tumourProportion?.use).toBe('for research only');
  });

  it('warns of unpredicted pixels and swapped classes in published masks: in the files, the report and on screen', async () => {
    const results = join(folder(), 'results-spoilt');
    const read = async (name: string) => JSON.parse(await readFile(join(results, name), 'utf8'));
    const he = HeVerdictFile.parse(await read('verdict/he.json'));
    const { ours, published } = he.withoutPrediction ?? {};
    // The untrained network leaves pixels out too.
    expect(he.warnings).toContainEqual(
      expect.stringContaining(
        `WARNING: The reproduced masks have no prediction for ${ours?.pixels.toLocaleString('en-US')}`,
      ),
    );
    expect(published?.pixels).toBeGreaterThan(50);
    expect(published?.all.overall).toBeLessThan(he.dice.all[0]?.published ?? 0);
    const left = `WARNING: The published masks have no prediction for ${published?.pixels.toLocaleString('en-US')} of ${published?.annotated.toLocaleString('en-US')}`;
    expect(he.warnings).toContainEqual(expect.stringContaining(left));
    expect(he.warnings).toContainEqual(expect.stringContaining('1 mask is a palette image'));
    expect(he.rois.find(({ roi }) => roi === PALETTE)).toMatchObject({ verdict: 'reproduced' });

    const exchanged = 'WARNING: the classes of the readers';
    const pdl1 = CellsVerdictFile.parse(await read('verdict/pdl1.json'));
    expect(pdl1.warnings).toContainEqual(expect.stringContaining(exchanged));
    const { entries } = DiscrepanciesFile.parse(await read('verdict/discrepancies.json'));
    expect(entries.find(({ id }) => id === 'category-ids')).toMatchObject({
      status: 'affects results',
      affectedTotal: 18,
    });
    const screen = (await verdictLines(Summary.parse(await read('summary.json')), results, true)).join('\n');
    const page = await readFile(join(results, 'report', 'index.html'), 'utf8');
    for (const said of [left, exchanged]) {
      expect(screen).toContain(said);
      expect(page).toContain(said);
    }
  });

  it.skipIf(BROWSER === undefined)('is shown by a report that a browser opens without errors', async () => {
    await checkInBrowser(join(folder(), 'results-spoilt', 'report', 'index.html'), `he/${SPOILT}`);
  });
});
