import { posix } from 'node:path';
import { countedFromZero, type FoldName, foldOfFolder, foldOfOddFolder, weightsAmong } from './model-folds.ts';

/** The folder of each fold of a model. */
export type FoldFolders = ReadonlyMap<FoldName, string>;

/**
 * Finds the nnU-Net v1 models among paths, as `findModelFolder` and `findFolds` find them on disk.
 *
 * @param paths - File paths, separated by `/`.
 * @returns The folds of each model, by model folder.
 */
export function foldsInPaths(paths: readonly string[]): ReadonlyMap<string, FoldFolders> {
  const files = new Map<string, string[]>();
  for (const path of paths) {
    const folder = posix.dirname(path);
    files.set(folder, [...(files.get(folder) ?? []), posix.basename(path)]);
  }
  const usual = modelsOf([...files.keys()], foldOfFolder);
  if (usual.size > 0) return usual;
  const withWeights = [...files].filter(([, names]) => weightsAmong(names).length > 0).map(([folder]) => folder);
  const odd = modelsOf(withWeights, foldOfOddFolder);
  return new Map([...odd].map(([model, folds]) => [model, countedFromZero(folds)]));
}

function modelsOf(folders: readonly string[], foldOf: (name: string) => FoldName | undefined) {
  const models = new Map<string, Map<FoldName, string>>();
  for (const folder of folders) {
    const fold = foldOf(posix.basename(folder));
    if (fold === undefined) continue;
    const model = posix.dirname(folder);
    models.set(model, (models.get(model) ?? new Map<FoldName, string>()).set(fold, folder));
  }
  return models;
}
