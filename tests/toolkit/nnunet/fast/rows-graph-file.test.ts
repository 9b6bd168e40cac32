import { readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { graphFile } from '../../../../toolkit/nnunet/fast/rows-graph.ts';
import { readModelCard } from '../../../../toolkit/nnunet/model-card.ts';
import { useScratch } from '../support/scratch.ts';
import { writeTinyModel } from '../support/tiny-model.ts';

const scratch = useScratch();

async function tinyModel() {
  const folder = await writeTinyModel(scratch.path('model'), [32, 32]);
  const card = await readModelCard(folder);
  return (batch: number) => graphFile(folder, card, { provider: 'cuda', precision: 'float32', batch });
}

it('rebuilds the graph if the file has changed, or nothing records what was written', async () => {
  const graphOf = await tinyModel();
  const path = await graphOf(1);
  const bytes = await readFile(path);
  const spoiled = Buffer.from(bytes);
  spoiled[bytes.length >> 1] = (spoiled[bytes.length >> 1] ?? 0) ^ 1;
  for (const spoil of [
    () => writeFile(path, spoiled),
    () => truncate(path, 100),
    () => rm(path),
    async () => {
      await writeFile(path, spoiled);
      await rm(`${path}.sha256`);
    },
  ]) {
    await spoil();
    expect(await graphOf(1)).toBe(path);
    expect((await readFile(path)).equals(bytes)).toBe(true);
  }
});

it('keeps the newest graphs of other batch sizes, and files of others', async () => {
  const graphOf = await tinyModel();
  const paths: string[] = [];
  for (const batch of [1, 2, 3, 4]) {
    const path = await graphOf(batch);
    await utimes(path, 1_000 * batch, 1_000 * batch);
    paths.push(path);
    await writeFile(`${dirname(path)}/notes.txt`, 'of the user');
  }
  const kept = paths.slice(1).flatMap((path) => [path, `${path}.sha256`]);
  const there = (await readdir(dirname(paths[0] ?? ''))).map((name) => `${dirname(paths[0] ?? '')}/${name}`);
  expect(there.sort()).toEqual([...kept, `${dirname(paths[0] ?? '')}/notes.txt`].sort());
});
