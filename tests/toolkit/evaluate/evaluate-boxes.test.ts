import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateCommand } from '../../../cli/predict/evaluate.ts';
import { evaluateBoxes } from '../../../toolkit/evaluate/evaluate-boxes.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';

const folder = suiteFolder();
const at = (name: string) => join(folder(), name);
const evaluate = (truth: string, predictions: string) =>
  evaluateBoxes({ truth: at(truth), predictions: at(predictions), out: at('scores') });

const IMAGE = { id: 1, file_name: 'image.png' };
const CATEGORY = { id: 7, name: 'round cell' };
const BOX = { image_id: 1, category_id: 7, bbox: [10, 10, 20, 20] };
const TRUTH = { images: [IMAGE], categories: [CATEGORY], annotations: [BOX] };

beforeAll(async () => {
  await writeFile(at('truth.json'), JSON.stringify(TRUTH));
  await writeFile(at('none.json'), '[]');
  await writeFile(at('cut.json'), '{"images": [');
  await mkdir(at('wrong'));
  await writeFile(join(at('wrong'), 'other.json'), '{}');
});

describe('evaluateBoxes', () => {
  it('rejects a folder without a prediction for any annotated image', async () => {
    await expect(evaluate('truth.json', 'wrong')).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: expect.stringContaining('no prediction of any annotated image, such as image.json'),
      remedy: expect.stringContaining('candidates'),
    });
  });

  it('says so when there are no boxes at all', async () => {
    const { metrics, remarks } = await evaluate('truth.json', 'none.json');
    expect(metrics.map50).toBe(0);
    expect(remarks.join(' ')).toContain('There are no boxes to score');
  });

  it.each([
    ['none.json', /is not COCO JSON of boxes: the document: [^✖\n]+[^.]\.$/],
    ['cut.json', /is not JSON: line 1, column 13: the text ends too early\.$/],
  ])('explains in a plain sentence what is wrong with %s, and asks to correct that file', async (truth, message) => {
    await expect(evaluate(truth, 'none.json')).rejects.toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      message: expect.stringMatching(message),
      remedy: `Correct the file ${at(truth)}, or export it again as COCO JSON.`,
    });
  });

  it.each<[string, object, RegExp]>([
    ['two images with one id', { images: [IMAGE, IMAGE] }, /images\.1: a second image has the id 1\.$/],
    ['a box of no image', { annotations: [{ ...BOX, image_id: 2 }] }, /annotations\.0: no image has the id 2\.$/],
    [
      'two categories with one id',
      { categories: [CATEGORY, CATEGORY] },
      /categories\.1: a second category has the id 7/,
    ],
    ['a box of negative width', { annotations: [{ ...BOX, bbox: [1, 1, -2, 3] }] }, /annotations\.0\.bbox\.2: /],
  ])('refuses annotations with %s', async (_, change, message) => {
    await writeFile(at('changed.json'), JSON.stringify({ ...TRUTH, ...change }));
    const refusal = { code: 'ANNOTATIONS_INVALID', message: expect.stringMatching(message) };
    await expect(evaluate('changed.json', 'none.json')).rejects.toMatchObject(refusal);
  });

  it('refuses candidates for two annotated categories of the same name', async () => {
    const categories = [1, 2].map((id) => ({ id, name: 'cell' }));
    await writeFile(at('namesakes.json'), JSON.stringify({ ...TRUTH, categories, annotations: [] }));
    await expect(evaluate('namesakes.json', 'wrong')).rejects.toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      message: 'Several annotated categories are named cell.',
    });
  });

  it('refuses candidates for two annotated images of the same name', async () => {
    const images = ['a/image.png', 'b/image.png'].map((file_name, id) => ({ id, file_name }));
    await writeFile(at('twice.json'), JSON.stringify({ ...TRUTH, images, annotations: [] }));
    await expect(evaluate('twice.json', 'wrong')).rejects.toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      message: 'Several annotated images are named image.',
    });
  });

  it('leaves out boxes of images that were not annotated, and says so', async () => {
    const right = { ...BOX, score: 0.5 };
    await writeFile(at('stray.json'), JSON.stringify([{ ...right, image_id: 9, score: 0.9 }, right]));
    const { metrics, remarks } = await evaluate('truth.json', 'stray.json');
    expect(metrics.map50).toBeCloseTo(1, 12);
    expect(metrics.classes[0]?.predicted).toBe(1);
    expect(remarks).toEqual(['Boxes left out, because their image was not annotated: 1.']);
  });

  it('is for tasks with boxes only', async () => {
    const files = { boxes: at('truth.json'), predictions: at('none.json'), out: at('scores') };
    await expect(evaluateCommand({ ...files, task: 'he' })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('he has no boxes'),
    });
  });
});
