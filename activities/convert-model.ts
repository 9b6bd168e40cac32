import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { convertModel as convert, modelDigest, readModelCard } from '../toolkit/nnunet/convert-model.ts';
import { findModelFolder } from '../toolkit/nnunet/find-model-folder.ts';
import { withHeartbeat } from './heartbeat.ts';
import { ConvertModelInput, type ModelRef } from './inputs.ts';

export interface ConvertedModel extends ModelRef {
  readonly classes: number;
  readonly folds: number;
  readonly cached: boolean;
}

/** Reads the published checkpoints and writes one ONNX file a fold, once for every digest of the checkpoints. */
export function createConvertModel(home: HomeFolders) {
  return async function convertModel(input: ConvertModelInput): Promise<ConvertedModel> {
    const { data } = ConvertModelInput.parse(input);
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ phase: 'hashing' }, async (report) => {
      const folder = await findModelFolder(join(data, 'models', 'he'));
      const digest = await modelDigest(folder);
      const out = join(home.models, digest);
      const known = await readModelCard(out).catch(() => undefined);
      const card = known ?? (await convert({ folder, out, signal, onProgress: report }));
      return { digest, classes: card.classes, folds: card.folds.length, cached: known !== undefined };
    });
  };
}
