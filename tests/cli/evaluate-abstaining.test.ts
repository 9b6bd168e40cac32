import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readReaderAnnotations } from '../../toolkit/dataset/readers-annotations.ts';
import { decodeLabels } from '../../toolkit/image/decode-labels.ts';
import { encodeLabels } from '../../toolkit/image/encode-png.ts';
import { encodeNpy } from '../../toolkit/numpy.ts';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { writeTinyRecord } from '../support/tiny-record.ts';

const [STROMA, EPITHELIUM] = [4, 3];

const folder = suiteFolder();
const at = (...parts: string[]) => join(folder(), ...parts);

async function evaluate(task: string, predictions: string, ...more: string[]) {
  const words = [
    'evaluate',
    '--task',
    task,
    '--data',
    'unpacked',
    '--predictions',
    predictions,
    '--out',
    `out-${predictions}`,
  ];
  const ended = await runHere([...words, ...more], { home: at('home'), cwd: folder() });
  return { ...ended, json: () => JSON.parse(ended.stdout) };
}

/** Masks made of the true ones. */
async function masks(name: string, change: (label: number, at: number) => number): Promise<void> {
  await mkdir(at(name), { recursive: true });
  for (const file of await readdir(at('unpacked', 'annotations', 'he'))) {
    const { data, ...size } = await decodeLabels(at('unpacked', 'annotations', 'he', file));
    await encodeLabels(at(name, file), { ...size, data: data.map((label, k) => change(label, k)) });
  }
}

beforeAll(async () => {
  await writeTinyRecord(folder());
  // Every third pixel of stroma wrong, and the same pixels left out: as Unannotated, and as a value that is not a label.
  const isLeftOut = (label: number, k: number) => label === STROMA && k % 3 === 0;
  await masks('wrong', (label, k) => (isLeftOut(label, k) ? EPITHELIUM : label));
  await masks('zero', (label, k) => (isLeftOut(label, k) ? 0 : label));
  await masks('none', (label, k) => (isLeftOut(label, k) ? 255 : label));
  await masks('stroma', (label) => (label === STROMA ? STROMA : 0));
});

describe('unpredicted pixels', () => {
  it("do not raise the score next to the paper's without a warning", async () => {
    await writeFile(at('wrong', 'other.PNG'), '');
    const wrong = await evaluate('he', 'wrong', '--json');
    expect(wrong.status, wrong.stderr).toBe(0);
    expect(wrong.stderr).not.toContain('WARNING');
    expect(wrong.stderr).not.toContain('have no prediction for');
    expect(wrong.stderr).toContain('other.PNG belongs to no ROI of the test set');
    const honest = wrong.json().all.overall;
    expect(wrong.json().intervals.withoutPrediction).toMatchObject({ pixels: 0, share: 0, all: { overall: honest } });
    for (const name of ['zero', 'none']) {
      const { status, stderr, json } = await evaluate('he', name, '--json');
      expect(status, stderr).toBe(0);
      const { all, intervals } = json();
      expect(all.overall, "the paper's number").toBe(1);
      expect(intervals.withoutPrediction.share).toBeGreaterThan(0.05);
      expect(intervals.withoutPrediction.all.overall).toBe(honest);
      expect(intervals.withoutPrediction.all.perClass['Stroma']).toBeLessThan(0.9);
      expect(intervals.warnings[0]).toMatch(
        /^WARNING: The masks have no prediction for [\d,]+ of [\d,]+ annotated pixels/,
      );
      expect(stderr).toContain(`the overall Dice is ${honest.toFixed(4)} instead of 1.0000`);
      expect(JSON.parse(await readFile(at(`out-${name}`, 'metrics', 'he.intervals.json'), 'utf8'))).toEqual(intervals);
    }
    const { stdout } = await evaluate('he', 'zero');
    expect(stdout).toMatch(/unpredicted as missed$/m);
    expect(stdout).toMatch(new RegExp(`^ {2}Overall +1\\.0000 .* ${honest.toFixed(4)}$`, 'm'));
    expect(stdout, 'a class without truth').toMatch(/^ {2}Muscle +absent$/m);
  });
});

describe('--classes', () => {
  it('scores a model of one class properly', async () => {
    const { status, stderr, json } = await evaluate('he', 'stroma', '--classes', 'STROMA', '--json');
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      'Scored: Stroma, other. In ground truth and prediction, "other" means Tumor cells, Reactive',
    );
    const { classes } = json();
    expect(classes).toMatchObject({
      classes: ['Stroma', 'other'],
      dice: { overall: 1, perClass: { Stroma: 1, other: 1 } },
    });
    expect(classes.missed.perClass).toMatchObject({ Stroma: 1, other: 0 });
    expect(JSON.parse(await readFile(at('out-stroma', 'metrics', 'he.classes.json'), 'utf8'))).toEqual(classes);
    expect(stderr).toMatch(
      /^WARNING: The masks .* They count as "other"\. If they count as missed, the overall Dice is 0\.\d+ instead of 1\.0000/m,
    );
    const table = await evaluate('he', 'wrong', '--classes', 'stroma, reactive EPITHELIUM');
    expect(table.stdout.split('\n').map((line) => line.trim().split(/ {2,}/)[0])).toEqual([
      'Dice',
      'Overall',
      'Stroma',
      'Reactive epithelium',
      'other',
      '',
    ]);
    expect(table.stdout).toMatch(/^ {2}other +1\.0000/m);
  });

  it.each([
    ['he', 'Stromma', '"Stromma" is not a class of the task he. Did you mean "Stroma"?'],
    ['he', 'Stroma,tumour cells', 'Did you mean "Tumor cells"?'],
    ['he', 'Background', '"Background" is not scored by the paper\'s protocol.'],
    ['he', 'xyz', '"xyz" is not a class of the task he.'],
    ['he', ',', '--classes names no class.'],
    ['pdl1', 'pd-l1 positiv tumor cell', 'Did you mean "pd-l1 positive tumor cell"?'],
    ['nuclei', 'nucleus', '--classes is for he and pdl1 only; nuclei has one class.'],
  ])('refuses for %s "%s"', async (task, names, cause) => {
    const { status, json } = await evaluate(task, 'stroma', '--classes', names, '--json');
    expect(status).toBe(2);
    expect(json().error).toMatchObject({ code: 'USAGE', cause: expect.stringContaining(cause) });
  });
});

describe('points files', () => {
  beforeAll(async () => {
    const { images, points } = await readReaderAnnotations(
      at('unpacked', 'annotations', 'pdl1', 'pdl1', 'pdl1_test_set_all_readers.json'),
      'pdl1',
    );
    await mkdir(at('cells'), { recursive: true });
    // The first image alone, and besides its cells one far outside of the annotated box.
    const [first] = images;
    const marked = [...(points.get('reader P1')?.get(first?.id ?? -1) ?? []), { x: 2, y: 2, class: 0 }];
    const data = Float32Array.from(marked.flatMap(({ x, y, class: of }) => [x, y, of]));
    const file = at('cells', `${first?.stem}.npy`);
    await writeFile(file, encodeNpy({ dtype: 'float32', shape: [marked.length, 3], data }));
  });

  it('cause a warning if they are missing or no reader annotated the image', async () => {
    const { status, stderr, json } = await evaluate('pdl1', 'cells', '--json');
    expect(status, stderr).toBe(0);
    expect(stderr).toContain(
      'WARNING: 1 of 2 images have no points file; all their cells count as missed. pdl1_roi_2.',
    );
    expect(stderr).toContain('WARNING: 1 of 7 points are outside the annotated box');
    expect(json().intervals.coverage).toEqual({
      images: 2,
      withoutFile: ['pdl1_roi_2'],
      withoutPoints: [],
      points: 7,
      outsideBox: 1,
    });
  });

  it('can be scored on some classes', async () => {
    const { status, stdout, stderr } = await evaluate('pdl1', 'cells', '--classes', 'non-tumor cell');
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^ {2}RUMC: reader P1 \| AI, non-tumor cell +0\.6667/m);
    expect(stdout).toMatch(/^ {2}SCDC: reader P4 \| AI, other /m);
  });
});
