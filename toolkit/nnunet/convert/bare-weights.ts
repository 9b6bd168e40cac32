import { basename, dirname, join } from 'node:path';
import { ReigniteError } from '../../errors.ts';
import { isFile } from '../../files/if-there.ts';
import { openCheckpoint } from '../../pytorch/containers/checkpoint.ts';
import { findStateDict, networkOf } from '../../pytorch/tensors/state-dict.ts';
import { type FoldFiles, foldOfFolder } from './model-folds.ts';

/**
 * Finds the plans of nnU-Net weights in a file with any name, including safetensors files: `plans.json` and
 * `dataset.json` next to it or one folder above (v2), or `<file>.pkl` (v1).
 *
 * @returns Undefined if the file contains no named weights, or those of another network.
 * @throws ReigniteError FOLD_MISSING if the plans are missing; or what opening the checkpoint throws.
 */
export async function bareWeights(path: string): Promise<FoldFiles | undefined> {
  const network = await networkIn(path);
  if (network === undefined) return undefined;
  const fold = foldOfFolder(basename(dirname(path))) ?? 'all';
  if (network === 'an nnU-Net v1 network') {
    const plans = `${path}.pkl`;
    if (await isFile(plans)) return { fold, checkpoint: path, plans };
    throw plansMissing(
      path,
      network,
      `Put the model_best.model.pkl of its training next to it, as ${basename(plans)}.`,
    );
  }
  for (const folder of [dirname(path), dirname(dirname(path))]) {
    const [plans, dataset] = [join(folder, 'plans.json'), join(folder, 'dataset.json')];
    if ((await isFile(plans)) && (await isFile(dataset))) return { fold, checkpoint: path, plans, dataset };
  }
  throw plansMissing(path, network, 'Put plans.json and dataset.json of its training next to it.');
}

async function networkIn(path: string): Promise<string | undefined> {
  const checkpoint = await openCheckpoint(path);
  try {
    const weights = findStateDict(checkpoint.root);
    const network = weights === undefined ? undefined : networkOf(weights);
    return network?.startsWith('an nnU-Net') ? network : undefined;
  } finally {
    await checkpoint.close();
  }
}

function plansMissing(path: string, network: string, remedy: string): ReigniteError {
  return new ReigniteError('FOLD_MISSING', `${path} holds weights of ${network}, without its plans.`, { remedy });
}
