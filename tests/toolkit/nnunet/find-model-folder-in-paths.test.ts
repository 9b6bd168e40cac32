import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findModelFolder, foldsInPaths } from '../../../toolkit/nnunet/convert/find-model-folder.ts';
import { findFolds } from '../../../toolkit/nnunet/convert/model-folds.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const FOLDS = [0, 1, 2, 3, 4];

/** The paths of five folds, and the weights that are found of them on disk, in the order of the folds. */
async function found(weights: (fold: number) => string) {
  const root = await temporaryFolder();
  const paths = FOLDS.flatMap((fold) => [weights(fold), `${weights(fold)}.pkl`]);
  for (const path of [...paths, 'net_512/plans.pkl']) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), '');
  }
  const folds = await findFolds(await findModelFolder(root));
  return { paths, onDisk: folds.map(({ checkpoint }) => relative(root, checkpoint)) };
}

describe('folds of a model under other names', () => {
  it.each([
    ['the usual names', (fold: number) => `net_512/fold_${fold}/model_best.model`],
    ['other names of folders', (fold: number) => `net_512/Fold-${fold}/model_best.model`],
    ['folders that are counted from 1', (fold: number) => `net_512/f${fold + 1}/model_best.model`],
    ['other names of weights', (fold: number) => `net_512/fold_${fold}/ignite.model`],
    ['a folder around the model', (fold: number) => `v2/net_512/fold_${fold}/model_best.model`],
  ])('finds %s, on disk and among paths', async (_, weights) => {
    const { paths, onDisk } = await found(weights);
    expect(onDisk).toEqual(FOLDS.map(weights));
    const [model] = [...foldsInPaths(paths).values()];
    expect(FOLDS.map((fold) => model?.get(fold))).toEqual(FOLDS.map((fold) => dirname(weights(fold))));
  });

  it('does not count a folder of another kind as a fold', () => {
    expect(foldsInPaths(['net/version_2/notes.txt', 'net/run_3/best.model']).size).toBe(0);
  });
});
