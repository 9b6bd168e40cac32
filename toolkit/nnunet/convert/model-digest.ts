import { ReigniteError } from '../../errors.ts';
import { sha256Of, sha256OfFile } from '../../files/hash-file.ts';
import { type CheckpointName, type FoldFiles, type FoldName, findFolds } from './model-folds.ts';
import { readV1Input } from './v1-input.ts';

/**
 * Schema number of the conversion. Raised whenever the same checkpoint would give a model with other outputs, so that
 * results of the old model are not reused.
 */
export const CONVERTER_SCHEMA = 1;
/** The same for nnU-Net v2. */
export const V2_CONVERTER_SCHEMA = 2;

/** What a converted model was made from. */
export interface ModelSources {
  /** SHA-256 over everything that determines the outputs, lower-case hex. */
  readonly digest: string;
  /** SHA-256 of the first fold's plans. */
  readonly plansSha256: string;
  /** SHA-256 of `dataset.json`; only for nnU-Net v2. */
  readonly datasetSha256?: string;
  /** SHA-256 of each fold's checkpoint, in the order of the folds. */
  readonly checkpointSha256: readonly string[];
}

/**
 * Computes the digest of a model from its source files, without converting it, for use in cache keys.
 *
 * @param folder - Holds `fold_0` and so on.
 * @param folds - In the order in which they are averaged. Default: the paper's five.
 * @param mirroring - See `hashSources`. Default: no.
 * @returns The same digest that `convertModel` writes into its description.
 * @throws ReigniteError FOLD_MISSING.
 */
export async function modelDigest(
  folder: string,
  folds?: readonly FoldName[],
  signal?: AbortSignal,
  name?: CheckpointName,
  mirroring?: boolean,
): Promise<string> {
  const { digest } = await hashSources(await findFolds(folder, folds, name), { mirroring: mirroring ?? false }, signal);
  return digest;
}

/**
 * Returns whether images are normalised otherwise than by 255, or the model is refused. Models that were converted before
 * schemes were read must not be found under their digest then.
 */
async function isNewlyNormalised(first: FoldFiles): Promise<boolean> {
  try {
    return (await readV1Input(first)).normalisation !== undefined;
  } catch (error) {
    if (error instanceof ReigniteError) return true;
    throw error;
  }
}

/**
 * Hashes the source files of a model.
 *
 * @param choice - `mirroring`: whether mirrored copies of each tile are predicted too. It changes the digest of an
 *   nnU-Net v2.
 * @param onFile - Called after each checkpoint with the number done so far.
 */
export async function hashSources(
  folds: readonly [FoldFiles, ...FoldFiles[]],
  { mirroring }: { readonly mirroring: boolean },
  signal?: AbortSignal,
  onFile?: (done: number) => void,
): Promise<ModelSources> {
  const plansSha256 = await sha256OfFile(folds[0].plans, signal);
  const checkpointSha256: string[] = [];
  for (const { checkpoint } of folds) {
    checkpointSha256.push(await sha256OfFile(checkpoint, signal));
    onFile?.(checkpointSha256.length);
  }
  if (folds[0].dataset === undefined) {
    const head = `nnunet-v1-2d ${CONVERTER_SCHEMA}${(await isNewlyNormalised(folds[0])) ? ' normalised' : ''}`;
    const lines = [head, plansSha256, ...checkpointSha256];
    return { digest: sha256Of(lines.join('\n')), plansSha256, checkpointSha256 };
  }
  const datasetSha256 = await sha256OfFile(folds[0].dataset, signal);
  const head = [`nnunet-v2-2d ${V2_CONVERTER_SCHEMA}${mirroring ? ' mirrored' : ''}`, plansSha256, datasetSha256];
  return { digest: sha256Of([...head, ...checkpointSha256].join('\n')), plansSha256, datasetSha256, checkpointSha256 };
}
