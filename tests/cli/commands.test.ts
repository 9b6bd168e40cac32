import { copyFile, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { HE_LABELS } from '../../toolkit/dataset/tissue-labels.ts';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { encodeIndexed, encodeLabels } from '../../toolkit/image/encode-png.ts';
import { DetectionMetrics } from '../../toolkit/metrics/agreement.ts';
import { HeMetrics } from '../../toolkit/metrics/he-metrics.ts';
import { encodeNpy } from '../../toolkit/numpy.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });

beforeAll(() => writeTinyRecord(folder()));

const evaluate = (task: string, predictions: string, out: string) =>
  runHere(
    ['evaluate', '--task', task, '--data', 'unpacked', '--predictions', predictions, '--out', out, '--json'],
    place(),
  );

function metricsIn(stdout: string): unknown {
  const { intervals: _, ...metrics } = JSON.parse(stdout);
  return metrics;
}

describe('reignite evaluate', () => {
  it('gives every annotated class a Dice of 1 if the ground truth is the prediction', async () => {
    const { status, stdout, stderr } = await evaluate('he', 'unpacked/annotations/he', 'perfect');
    expect(status, stderr).toBe(0);
    const { intervals, ...printed } = JSON.parse(stdout);
    const metrics = HeMetrics.parse(printed);
    expect(metrics.all.overall).toBe(1);
    expect(intervals).toMatchObject({
      patients: 2,
      resamples: 2000,
      intervals: { Overall: { oursInterval: { low: 1, high: 1 } } },
    });
    expect(JSON.parse(await readFile(join(folder(), 'perfect', 'metrics', 'he.intervals.json'), 'utf8'))).toEqual(
      intervals,
    );
    expect(metrics.all.perClass['Stroma']).toBe(1);
    expect(JSON.parse(await readFile(join(folder(), 'perfect', 'metrics', 'he.json'), 'utf8'))).toEqual(metrics);
    for (const name of ['cm.npy', 'f1_all.png', 'cases/patient1_he_roi1_with_context.png']) {
      expect((await readFile(join(folder(), 'perfect', 'figures', 'he', name))).length).toBeGreaterThan(0);
    }
  });

  it('names the missing prediction, and writes nothing', async () => {
    await mkdir(join(folder(), 'some'), { recursive: true });
    const name = 'patient1_he_roi1_with_context.png';
    await copyFile(join(folder(), 'unpacked', 'annotations', 'he', name), join(folder(), 'some', name));
    const { status, stdout } = await evaluate('he', 'some', 'nothing');
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'ROI_WITHOUT_PAIR',
      cause: expect.stringContaining('patient1_he_roi2_with_context.png'),
    });
    await expect(readFile(join(folder(), 'nothing', 'metrics', 'he.json'))).rejects.toThrow();
  });

  it('names every mask that cannot be scored, not only the first', async () => {
    const bad = join(folder(), 'bad');
    await mkdir(bad, { recursive: true });
    const raw = { width: 3, height: 2, channels: 1 } as const;
    await sharp(new Uint8Array(6), { raw })
      .toColourspace('b-w')
      .png()
      .toFile(join(bad, 'patient1_he_roi1_with_context.png'));
    await writeFile(join(bad, 'patient1_he_roi2_with_context.png'), 'no image');
    const { status, stdout } = await evaluate('he', 'bad', 'nothing');
    expect(status).toBe(1);
    const { code, cause } = JSON.parse(stdout).error;
    expect(code).toBe('ROI_WITHOUT_PAIR');
    expect(cause).toContain('3 of 3 masks cannot be scored');
    for (const part of ['3 x 2 px', 'roi2_with_context.png', 'patient2_he_roi1']) expect(cause).toContain(part);
  });

  it('reads a palette mask by its indices and says so, and names what is wrong with a file', async () => {
    const annotations = join(folder(), 'unpacked', 'annotations', 'he');
    const palettes = join(folder(), 'palettes');
    await cp(annotations, palettes, { recursive: true });
    const one = 'patient1_he_roi1_with_context.png';
    const colours = HE_LABELS.map(({ colour }) => colour);
    await encodeIndexed(join(palettes, one), await decodeLabels(join(annotations, one)), colours);
    const scored = await evaluate('he', 'palettes', 'palette');
    expect(scored.status, scored.stderr).toBe(0);
    expect(scored.stderr).toContain('1 mask is a palette image: pixel indices are used as labels');
    expect(HeMetrics.parse(metricsIn(scored.stdout)).all.overall).toBe(1);

    await sharp(join(annotations, one)).toColourspace('srgb').png().toFile(join(palettes, 'rgb.png'));
    await rename(join(palettes, 'rgb.png'), join(palettes, one));
    await sharp(join(annotations, 'patient1_he_roi2_with_context.png'))
      .jpeg()
      .toFile(join(palettes, 'patient1_he_roi2_with_context.png'));
    await writeFile(join(palettes, 'patient2_he_roi1_with_context.png'), '');
    const { status, stdout } = await evaluate('he', 'palettes', 'nothing');
    expect(status).toBe(1);
    const { code, cause } = JSON.parse(stdout).error;
    expect(code).toBe('IMAGE_UNREADABLE');
    for (const part of ['its colours are srgb', 'not a PNG but a JPEG file', 'it is empty (0 bytes)', '3 of 3 masks']) {
      expect(cause).toContain(part);
    }
  });

  it('gives line and column where an annotation file is not JSON', async () => {
    const file = 'annotations/pdl1/nuclei/nuclei_test_set_all_readers.json';
    const text = await readFile(join(folder(), 'unpacked', file), 'utf8');
    await mkdir(join(folder(), 'spoilt', dirname(file)), { recursive: true });
    await writeFile(join(folder(), 'spoilt', file), text.replace('"bbox":[40', '\n"bbox":[NaN'));
    const words = ['evaluate', '--task', 'nuclei', '--data', 'spoilt', '--predictions', 'points', '--out', 'nothing'];
    const { status, stdout } = await runHere([...words, '--json'], place());
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      cause: expect.stringContaining(`is not JSON: line 2, column 9: "NaN", which JSON does not know`),
    });
  });

  it('scores masks with other values by a label map', async () => {
    const shifted = join(folder(), 'shifted');
    await mkdir(shifted, { recursive: true });
    for (const roi of ['patient1_he_roi1', 'patient1_he_roi2', 'patient2_he_roi1']) {
      const name = `${roi}_with_context.png`;
      const { width, height, data } = await decodeLabels(join(folder(), 'unpacked', 'annotations', 'he', name));
      const own = data.map((label) => label + 10);
      await encodeLabels(join(shifted, name), { width, height, data: own });
    }
    await writeFile(join(shifted, 'of-no-roi.png'), '');
    const names = ['Unannotated', 'Background', 'Tumor epithelium', 'Reactive epithelium', 'Stroma'];
    const map = Object.fromEntries(names.map((name, label) => [name, label + 10]));
    await writeFile(join(folder(), 'labels.json'), JSON.stringify(map));
    const words = ['evaluate', '--task', 'he', '--data', 'unpacked', '--predictions', 'shifted', '--out', 'mapped'];
    const { status, stdout, stderr } = await runHere([...words, '--labels', 'labels.json', '--json'], place());
    expect(status, stderr).toBe(0);
    expect(HeMetrics.parse(metricsIn(stdout)).all.overall).toBe(1);
    expect(stderr).toContain('of-no-roi.png belongs to no ROI of the test set and is not scored.');
    const { truth = {} } = (await RESULTS.source.readIfThere(join(folder(), 'mapped'), 'he')) ?? {};
    expect(Object.keys(truth).sort()).toEqual(
      ['patient1_he_roi1', 'patient1_he_roi2', 'patient2_he_roi1'].map((roi) => `${roi}_with_context`),
    );
    // Without the map the values from 17 on would not be labels; 10 to 14 would be other labels.
    const without = await runHere([...words, '--json'], place());
    expect(HeMetrics.parse(metricsIn(without.stdout)).all.overall).toBe(0);
  });

  it('scores points against every reader, and says which readers have none', async () => {
    const points = join(folder(), 'points');
    await mkdir(points, { recursive: true });
    const cells = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(45, 65, 0, 125, 75, 0) } as const;
    await writeFile(join(points, 'nuclei_roi_1.npy'), encodeNpy(cells));
    const { status, stdout, stderr } = await evaluate('nuclei', 'points', 'cells');
    expect(status, stderr).toBe(0);
    expect(stderr).toContain('The AI found nothing on nuclei_roi_2');
    const { groups } = DetectionMetrics.parse(metricsIn(stdout));
    const { truth = {} } = (await RESULTS.source.readIfThere(join(folder(), 'cells'), 'nuclei')) ?? {};
    expect(Object.keys(truth)).toEqual(expect.arrayContaining(['nuclei_roi_1', 'nuclei_roi_2']));
    // Reader R1 marked 12 cells on two images; both points hit one each.
    expect(groups['nuclei']?.confusion['reader R1|AI']).toEqual([
      [2, 10],
      [0, 0],
    ]);
    expect(
      (await readFile(join(folder(), 'cells', 'figures', 'pdl1', 'nuclei', 'f1_scores_nuclei.png'))).length,
    ).toBeGreaterThan(0);
  });

  it('names every points file that cannot be scored, and those without an image', async () => {
    const points = join(folder(), 'odd-points');
    await mkdir(points, { recursive: true });
    const flat = encodeNpy({ dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 0) });
    await writeFile(join(points, 'nuclei_roi_1.npy'), flat);
    await writeFile(join(points, 'nuclei_roi_2.npy'), 'no array');
    await writeFile(join(points, 'nuclei_roi_9.npy'), flat);
    const { status, stdout } = await evaluate('nuclei', 'odd-points', 'nothing');
    expect(status).toBe(1);
    const { code, cause } = JSON.parse(stdout).error;
    expect(code).toBe('NPY_INVALID');
    expect(cause).toContain('2 of 2 points files cannot be scored');
    for (const part of ['nuclei_roi_1.npy has the shape (3)', 'nuclei_roi_2.npy']) expect(cause).toContain(part);
    await rm(join(points, 'nuclei_roi_2.npy'));
    await writeFile(
      join(points, 'nuclei_roi_1.npy'),
      encodeNpy({ dtype: 'float32', shape: [0, 3], data: new Float32Array() }),
    );
    const scored = await evaluate('nuclei', 'odd-points', 'odd');
    expect(scored.status).toBe(0);
    expect(scored.stderr).toContain('nuclei_roi_9.npy belongs to no image of the task nuclei');
  });

  it('shows intervals and published scores in one table', async () => {
    const words = ['evaluate', '--task', 'he', '--data', 'unpacked', '--out', 'table'];
    const { stdout } = await runHere([...words, '--predictions', 'unpacked/annotations/he'], place());
    expect(stdout).toMatch(/^ +Dice +95 % interval/);
    expect(stdout).toMatch(/^ {2}Stroma +1\.0000 {2}1\.0000 to 1\.0000/m);
    expect(stdout).toMatch(/^ {2}TIL: Overall +1\.0000/m);
  });

  it('refuses a folder without any prediction', async () => {
    const { status, stdout } = await evaluate('pdl1', 'unpacked', 'none');
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error.code).toBe('ROI_WITHOUT_PAIR');
  });
});

describe('reignite model', () => {
  it('inspects a dangerous checkpoint and names the dangerous imports', async () => {
    await writeFile(join(folder(), 'hostile.pkl'), 'cposix\nsystem\n(S"touch harm"\ntR.');
    const { status, stdout } = await runHere(['model', 'inspect', 'hostile.pkl'], place());
    expect(status).toBe(0);
    expect(stdout).toContain('DANGEROUS');
    expect(stdout).toMatch(/dangerous posix\.system/);
    await expect(readFile(join(folder(), 'harm'))).rejects.toThrow();
  });

  it('lists tensors with their shapes', async () => {
    const file = fixture('nnunet/plain/fold_0/model_best.model');
    const { stdout } = await runHere(['model', 'inspect', file, '--json'], place());
    const { tensors, safe } = JSON.parse(stdout);
    expect(safe).toBe(true);
    expect(tensors).toContainEqual({
      name: expect.stringMatching(/^state_dict\.conv_blocks_context\.0\.blocks\.0\.conv\.weight$/),
      dtype: 'float32',
      shape: [4, 3, 3, 3],
    });
  });

  it.each([
    ['nnunet/plain/fold_0/model_best.model', 'fold.onnx'],
    ['yolov5/v5.pt', 'cells.onnx'],
  ])('converts %s', async (name, out) => {
    const { status, stdout, stderr } = await runHere(['model', 'convert', fixture(name), '--out', out], place());
    expect(status, stderr).toBe(0);
    expect(stdout.trim()).toBe(join(folder(), out));
    expect((await readFile(join(folder(), out))).length).toBeGreaterThan(10_000);
    expect(JSON.parse(await readFile(join(folder(), out.replace('.onnx', '.json')), 'utf8'))).toHaveProperty('digest');
  });
});

describe('reignite doctor and config', () => {
  it('checks the machine and opens a session on the CPU', async () => {
    const { stdout, stderr } = await runHere(['doctor', '--json'], place());
    const findings: { name: string; status: string }[] = JSON.parse(stdout);
    expect(findings.find(({ name }) => name === 'ONNX Runtime cpu')?.status, stderr).toBe('pass');
    expect(findings.find(({ name }) => name === 'Node')?.status).toBe('pass');
  });

  it('does not promise to download the Temporal CLI where a variable names a wrong file', async () => {
    const environment = { TEMPORAL_CLI_PATH: join(folder(), 'absent') };
    const { stdout } = await runHere(['doctor', '--json'], { ...place(), environment });
    expect(JSON.parse(stdout)).toContainEqual({
      name: 'Temporal',
      status: 'fail',
      detail: expect.stringContaining('TEMPORAL_CLI_PATH does not work'),
      remedy: 'Correct TEMPORAL_CLI_PATH, or unset it.',
    });
  });

  it('prints the effective configuration and the schema', async () => {
    const { stdout } = await runHere(['config', '--profile', 'paper', '--set', 'he.scope=annotated'], place());
    expect(stdout).toContain('scope: annotated');
    const schema = JSON.parse((await runHere(['config', '--schema'], place())).stdout);
    expect(schema.properties).toHaveProperty('zenodo');
  });
});
