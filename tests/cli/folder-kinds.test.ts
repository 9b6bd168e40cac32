import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { foldersOf } from '../../cli/inspect/run-folders.ts';
import { readPredictionSummary, writePredictionSummary } from '../../toolkit/predict/prediction-summary.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';

const SUMMARY = { run: 'r', record: '1', profile: 'sample', digest: 'd', status: 'done', tasks: {} } as const;
const { signal } = new AbortController();

describe('a folder named for a run command', () => {
  it('is rejected if predict wrote it', async () => {
    const folder = await temporaryFolder();
    const model = { path: join(folder, 'model.onnx'), digest: 'd' };
    await writePredictionSummary(folder, { task: 'pdl1', model, settings: {}, images: [], failures: [] });
    await expect(foldersOf(folder, signal)).rejects.toMatchObject({
      code: 'USAGE',
      message: `${folder} is a folder of predict, not of a run.`,
      remedy: expect.stringContaining('npx reignite predict'),
    });
  });

  it('is accepted if its summary is damaged, without advice to delete the summary', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'summary.json'), '{');
    await expect(foldersOf(folder, signal)).resolves.toEqual({ results: folder });
    await expect(RESULTS.summary.read(folder)).rejects.toMatchObject({
      code: 'FILE_DAMAGED',
      remedy: expect.not.stringMatching(/delete/i),
    });
  });
});

describe('a folder named for a prediction command', () => {
  it('is rejected with its actual kind', async () => {
    const folder = await temporaryFolder();
    const remedy = expect.stringContaining('npx reignite predict');
    const absent = join(folder, 'absent');
    await expect(readPredictionSummary(absent)).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: `There is no folder ${absent}.`,
      remedy,
    });
    await expect(readPredictionSummary(folder)).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: `${folder} has no summary.json: it is not a folder of predict.`,
      remedy,
    });
    await RESULTS.summary.write(folder, SUMMARY);
    await expect(readPredictionSummary(folder)).rejects.toMatchObject({
      code: 'USAGE',
      message: `${folder} is the results folder of a run, not a folder of predict.`,
      remedy,
    });
    const path = join(folder, 'summary.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, 20));
    await expect(readPredictionSummary(folder)).rejects.toMatchObject({ code: 'FILE_DAMAGED', remedy });
  });
});
