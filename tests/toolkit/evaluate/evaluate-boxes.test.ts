import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateBoxesCommand } from '../../../cli/predict/evaluate-boxes.ts';
import { evaluateBoxes } from '../../../toolkit/evaluate/evaluate-boxes.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';

const folder = suiteFolder();
const at = (name: string) => join(folder(), name);
const evaluate = (truth: string, predictions: string) =>
  evaluateBoxes({ truth: at(truth), predictions: at(predictions), out: at('scores') });

beforeAll(async () => {
  const truth = {
    images: [{ id: 1, file_name: 'image.png' }],
    categories: [{ id: 7, name: 'round cell' }],
    annotations: [{ image_id: 1, category_id: 7, bbox: [10, 10, 20, 20] }],
  };
  await writeFile(at('truth.json'), JSON.stringify(truth));
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

  it('is for tasks with boxes only', async () => {
    const files = { boxes: at('truth.json'), predictions: at('none.json'), out: at('scores') };
    await expect(evaluateBoxesCommand({ ...files, task: 'he' })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('he has no boxes'),
    });
  });
});
