import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readersFile } from '../../../toolkit/dataset/layout.ts';
import { evaluationAnswer, writeEvaluationPage } from '../../../toolkit/evaluate/evaluation-page.ts';
import { encodeNpy } from '../../../toolkit/numpy.ts';
import { readLayersFile } from '../../../toolkit/report/layers/draw-layers.ts';
import { PDL1 } from '../../../toolkit/tasks/registry.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { writeTinyCells } from '../../support/tiny-record.ts';

const READERS = readersFile('pdl1');
const F1 = [
  [null, 0.5],
  [null, null],
];
const COUNTS = [
  [1, 1],
  [1, 0],
];
const EVALUATED = {
  metrics: {
    groups: { RUMC: { readers: ['reader P1', 'AI'], f1: { macro: F1, 0: F1 }, confusion: { 'reader P1|AI': COUNTS } } },
  },
  intervals: { patients: 0, resamples: 0, seed: 1, generator: 'none', level: 0.95, warnings: [], intervals: {} },
  images: 2,
  rows: [{ label: 'Overall', value: 0.5, without: 'absent' }],
  remarks: [],
} as const;

const folder = suiteFolder();
const data = () => join(folder(), 'data');
const input = (out: string) => ({ data: data(), predictions: join(folder(), 'cells'), out: join(folder(), out) });

/** A record of synthetic images whose files have other names; every category has the name of the class after its own. */
beforeAll(async () => {
  await writeTinyCells(data(), 'pdl1');
  const coco = JSON.parse(await readFile(join(data(), READERS), 'utf8'));
  for (const category of coco.categories) category.name = PDL1.classes[category.id % 3];
  await writeFile(join(data(), READERS), JSON.stringify(coco));
  await rename(join(data(), READERS), join(data(), READERS.replace(/[^/]+$/, 'readers_v2.json')));
  const columns = 'task,image_path,annotation_path,split,patient_id,scanner';
  await writeFile(join(data(), 'overview_v2.csv'), `${columns}\npdl1,a.png,a.png,test,1,synthetic\n`);
  await mkdir(join(folder(), 'cells'));
  const none = encodeNpy({ dtype: 'float32', shape: [0, 3], data: new Float32Array() });
  for (const stem of ['pdl1_roi_1', 'pdl1_roi_2']) await writeFile(join(folder(), 'cells', `${stem}.npy`), none);
});

/** Drawing of what the readers marked on the first image. */
async function readersDrawn(out: string): Promise<string> {
  const [first] = await readLayersFile(join(folder(), out));
  return readFile(join(folder(), out, 'report', first?.files.truth ?? ''), 'utf8');
}

describe('writeEvaluationPage', () => {
  it('finds files of the record by their contents, as the evaluation does', async () => {
    await writeEvaluationPage('pdl1', input('by-id'), EVALUATED, '0.0.0');
    const page = await readFile(join(folder(), 'by-id', 'report', 'pdl1.html'), 'utf8');
    expect(page).toContain('pdl1_roi_1');
    expect(page).toContain('Synthetic data');
    expect(page).toContain('<figcaption>F1 of readers and AI, RUMC</figcaption>');
  });

  it('draws the classes according to the rule of the evaluation', async () => {
    await writeEvaluationPage('pdl1', input('rule'), EVALUATED, '0.0.0');
    const byId = await readersDrawn('rule');
    await writeEvaluationPage('pdl1', { ...input('rule'), categories: 'by-name' }, EVALUATED, '0.0.0');
    expect(await readersDrawn('rule')).not.toBe(byId);
  });
});

it('shows the mean over the readers first; for masks, the first score', () => {
  const row = (label: string, value: number | null) => ({ label, value, without: 'absent' as const });
  const readers = [row('RUMC: P1 | P2', 0.9), row('RUMC: P1 | AI', 0.5), row('RUMC: P2 | AI', 0.7)];
  expect(evaluationAnswer(readers, 'F1')).toBe('Mean F1 with 2 readers: 0.6000');
  expect(evaluationAnswer([row('P1 | P2', 0.9), row('P1 | AI', 0.5)], 'F1')).toBe('P1 | AI: F1 0.5000');
  expect(evaluationAnswer([row('Overall', 0.8), row('Stroma', 0.1)], 'Dice')).toBe('Overall: Dice 0.8000');
  expect(evaluationAnswer([row('Overall', null)], 'Dice')).toBe('Overall: Dice absent');
  expect(evaluationAnswer([], 'Dice')).toBe('No score.');
});
