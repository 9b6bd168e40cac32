import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { runHere } from '../support/command-here.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const folder = suiteFolder();
const place = () => ({ home: join(folder(), 'home'), cwd: folder() });
const evaluate = (...words: string[]) =>
  runHere(['evaluate', '--task', 'nuclei', '--out', 'scores', '--json', ...words], place());

beforeAll(async () => {
  const truth = {
    images: [
      { id: 1, file_name: 'image.png' },
      { id: 2, file_name: 'other.png' },
    ],
    categories: [{ id: 7, name: 'round cell' }],
    annotations: [{ image_id: 1, category_id: 7, bbox: [10, 10, 20, 20] }],
  };
  await writeFile(join(folder(), 'truth.json'), JSON.stringify(truth));
  await writeFile(
    join(folder(), 'results.json'),
    JSON.stringify([{ image_id: 1, category_id: 7, bbox: [11, 10, 20, 20], score: 0.5 }]),
  );
});

describe('reignite evaluate --boxes', () => {
  it('scores COCO results', async () => {
    const { status, stdout, stderr } = await evaluate('--boxes', 'truth.json', '--predictions', 'results.json');
    expect(status, stderr).toBe(0);
    const { map50, map5095, classes } = JSON.parse(stdout);
    expect(map50).toBeCloseTo(1, 9);
    // IoU 19/21: right at 9 of 10 thresholds.
    expect(map5095).toBeCloseTo(0.9, 9);
    expect(classes).toMatchObject([{ name: 'round cell', objects: 1, predicted: 1 }]);
  });

  it('scores the output of predict, and says which images are missing', async () => {
    const model = ['--model', fixture('ultralytics/v8.pt'), '--imgsz', '64', '--provider', 'cpu'];
    const words = ['predict', '--task', 'nuclei', '--out', 'found', ...model, fixture('yolov5/image.png')];
    const predicted = await runHere(words, place());
    expect(predicted.status, predicted.stderr).toBe(0);
    const { status, stdout, stderr } = await evaluate('--boxes', 'truth.json', '--predictions', 'found/candidates');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ limit: 100, classes: [{ objects: 1 }] });
    expect(stderr).toContain('all of whose objects count as missed: 1');
    expect(stderr).toContain('not annotated are left out: long cell');
    expect(stderr).toContain('--confidence 0.001');
  });

  it.each([
    [['--predictions', 'results.json'], 2, 'USAGE', /--data, --masks for annotated masks, or --boxes/],
    [['--boxes', 'truth.json', '--data', '.', '--predictions', '.'], 2, 'USAGE', /exclude each other/],
    [['--boxes', 'results.json', '--predictions', '.'], 1, 'ANNOTATIONS_INVALID', /is not COCO JSON/],
  ])('refuses %j', async (words, expected, code, cause) => {
    const { status, stdout } = await evaluate(...words);
    expect(status).toBe(expected);
    expect(JSON.parse(stdout).error).toMatchObject({ code, cause: expect.stringMatching(cause) });
  });
});
