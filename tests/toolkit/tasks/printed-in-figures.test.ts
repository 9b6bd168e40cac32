import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import { FileDigests } from '../../../toolkit/cache/file-digests.ts';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { folderOf } from '../../../toolkit/dataset/layout.ts';
import { printedInFigures } from '../../../toolkit/tasks/cells/printed.ts';
import { NUCLEI } from '../../../toolkit/tasks/nuclei.ts';
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
