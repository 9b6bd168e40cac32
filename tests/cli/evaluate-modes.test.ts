import { describe, expect, it } from 'vitest';
import { evaluateCommand, modeOf } from '../../cli/predict/evaluate.ts';

const FOLDERS = { predictions: 'predicted', out: 'scores' };

describe('the modes of evaluate', () => {
  it.each([
    ['nuclei', { masks: 'm' }, '--masks is for he only; nuclei has no masks.'],
    ['he', { boxes: 'b' }, '--boxes is for nuclei and pdl1 only; he has no boxes.'],
    ['he', { masks: 'm', categories: 'by-name' }, '--categories is for --data; it does not apply with --masks.'],
    ['he', { masks: 'm', maxBoxes: 5 }, '--max-boxes is for --boxes; it does not apply with --masks.'],
    ['he', { masks: 'm', classes: 'Stroma' }, '--classes is for --data; it does not apply with --masks.'],
    ['he', { masks: 'm', data: 'd' }, '--data and --masks exclude each other.'],
    ['he', { masks: 'm', boxes: 'b' }, '--boxes and --masks exclude each other.'],
    ['pdl1', { boxes: 'b', categories: 'by-id' }, '--categories is for --data; it does not apply with --boxes.'],
    ['pdl1', { boxes: 'b', labels: 'l' }, '--labels is for --data or --masks; it does not apply with --boxes.'],
    ['pdl1', { boxes: 'b', ignore: 3 }, '--ignore is for --masks; it does not apply with --boxes.'],
    ['he', { data: 'd', ignore: 3 }, '--ignore is for --masks; it does not apply with --data.'],
    ['pdl1', { data: 'd', maxBoxes: 5 }, '--max-boxes is for --boxes; it does not apply with --data.'],
    ['he', {}, 'evaluate needs --data, --masks for annotated masks, or --boxes for annotated boxes.'],
  ] as const)('refuses for %s the options %j', async (task, given, message) => {
    await expect(evaluateCommand({ task, ...FOLDERS, ...given })).rejects.toMatchObject({ code: 'USAGE', message });
  });

  it('accepts the options of each mode', () => {
    expect(modeOf({ task: 'pdl1', data: 'd', categories: 'by-name', classes: 'c' })).toBe('data');
    expect(modeOf({ task: 'he', masks: 'm', labels: 'l', ignore: 3 })).toBe('masks');
    expect(modeOf({ task: 'nuclei', boxes: 'b', maxBoxes: 5 })).toBe('boxes');
  });
});
