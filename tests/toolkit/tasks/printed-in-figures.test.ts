import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { folderOf } from '../../../toolkit/dataset/layout.ts';
import { renderF1Figures } from '../../../toolkit/figures/f1-matrix.ts';
import { AI, agreementScores, type DetectionMetrics, pairName } from '../../../toolkit/metrics/agreement.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { printedInFigures } from '../../../toolkit/tasks/cells/comparison.ts';
import { NUCLEI } from '../../../toolkit/tasks/registry.ts';
import { compareWithPrinted } from '../../../toolkit/verdict/printed-f1.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const FIGURE = fileURLToPath(new URL('../../fixtures/figures/f1/f1_scores_nuclei.png', import.meta.url));

it('reads a figure once, and again if the file has changed', async () => {
  const folder = await temporaryFolder();
  const data = join(folder, 'data');
  const figures = join(data, folderOf('figures', NUCLEI.name));
  await mkdir(figures, { recursive: true });
  const path = join(figures, 'f1_scores_nuclei.png');
  await copyFile(FIGURE, path);
  const cache = new StepCache(join(folder, 'cache'));
  const { signal } = new AbortController();
  const store = vi.spyOn(cache, 'store');
  const read = () => {
    const digests = new FileDigests(join(folder, 'digests.json'));
    return printedInFigures(NUCLEI, NUCLEI.groups, { data, cache, digests, signal });
  };
  const first = await read();
  expect(Object.values(first?.values ?? {})).toHaveLength(10);
  expect(await read()).toEqual(first);
  expect(store).toHaveBeenCalledTimes(1);

  await writeFile(path, 'not an image');
  expect(await read()).toMatchObject({ values: {}, unread: [expect.stringContaining('f1_scores_nuclei.png')] });
});

it('finds that a figure was drawn from counts that wrapped at 65,536', async () => {
  const folder = await temporaryFolder();
  const figures = join(folder, folderOf('figures', NUCLEI.name));
  await mkdir(figures, { recursive: true });
  const readers = [...(NUCLEI.groups[0]?.readers ?? []), AI];
  /** Of 70,000 cells that one marked, the other has all but a few thousand, and some more. */
  const metricsOf = (count: (value: number) => number): DetectionMetrics => {
    const confusion: Record<string, number[][]> = {};
    const macro: (number | null)[][] = readers.map(() => readers.map(() => null));
    for (const [i, truth] of readers.entries()) {
      for (const [j, prediction] of readers.entries()) {
        if (i >= j) continue;
        const missed = 1_000 * (1 + i + j);
        const rows = [
          [70_000 - missed, missed],
          [500, 0],
        ].map((row) => row.map(count));
        confusion[pairName(truth, prediction)] = rows;
        const of = macro[i];
        if (of !== undefined) of[j] = agreementScores(ConfusionMatrix.fromRows(rows)).macro.f1;
      }
    }
    return { groups: { nuclei: { readers, f1: { macro, 0: macro }, confusion } } };
  };
  const { signal } = new AbortController();
  const wrapped = metricsOf((count) => count % 65_536);
  await renderF1Figures({ task: 'nuclei', metrics: wrapped, outDir: figures, signal });
  const cache = new StepCache(join(folder, 'cache'));
  const digests = new FileDigests(join(folder, 'digests.json'));
  const printed = await printedInFigures(NUCLEI, NUCLEI.groups, { data: folder, cache, digests, signal });
  expect(printed?.unread).toEqual([]);
  expect(
    compareWithPrinted(
      metricsOf((count) => count),
      printed,
    ),
  ).toMatchObject({ counts: 'wrapped' });
  expect(compareWithPrinted(wrapped, printed)).not.toHaveProperty('counts');
});
