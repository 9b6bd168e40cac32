import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { HE_LABELS } from '../toolkit/dataset/he-labels.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { writeModelPassport } from '../toolkit/models/model-passport.ts';
import { prepareTissueModel, type TissueModel } from '../toolkit/models/tissue-model.ts';
import {
  type ConvertProgress,
  convertModel as convert,
  modelDigest,
  readModelCard,
} from '../toolkit/nnunet/convert-model.ts';
import { findModelFolder } from '../toolkit/nnunet/find-model-folder.ts';
import { withHeartbeat } from './heartbeat.ts';
import { ConvertModelInput, type ModelRef } from './inputs.ts';

export interface ConvertedModel extends ModelRef {
  readonly classes: number;
  readonly folds: number;
  readonly cached: boolean;
}

/**
 * Makes the segmentation model ready, once for every content: the record's five folds as ONNX, or the user's own. Says
 * in the results what it is.
 */
export function createConvertModel(home: HomeFolders) {
  return async function convertModel(input: ConvertModelInput): Promise<ConvertedModel> {
    const { folders, model: own, folds } = ConvertModelInput.parse(input);
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ phase: 'hashing' }, async (report) => {
      const prepared =
        own === undefined
          ? await prepareRecordModel(join(folders.data, 'models', 'he'), home.models, signal, report)
          : await prepareTissueModel(own, home.models, { folds, signal, onProgress: report });
      refuseOtherLabels(own, prepared);
      report({ phase: 'parity' });
      await writeModelPassport(prepared.modelDir, join(folders.results, 'models', 'he.json'), signal);
      const { digest, classes, cached } = prepared;
      return { digest, classes, folds: Math.max(1, prepared.folds.length), cached };
    });
  };
}

/** All five folds are wanted, as the paper has them. */
async function prepareRecordModel(
  models: string,
  home: string,
  signal: AbortSignal,
  onProgress: (progress: ConvertProgress) => void,
): Promise<Omit<TissueModel, 'synthetic'>> {
  const folder = await findModelFolder(models);
  const digest = await modelDigest(folder);
  const modelDir = join(home, digest);
  const known = await readModelCard(modelDir).catch(() => undefined);
  const card = known ?? (await convert({ folder, out: modelDir, signal, onProgress }));
  return {
    digest,
    modelDir,
    classes: card.classes,
    folds: card.folds.map(({ fold }) => fold),
    cached: known !== undefined,
  };
}

function refuseOtherLabels(own: string | undefined, { classes }: Pick<TissueModel, 'classes'>): void {
  if (own === undefined || classes <= HE_LABELS.length) return;
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `The model ${own} has labels up to ${classes - 1}; those of the task end at ${HE_LABELS.length - 1}.`,
    { remedy: "Use a model of the paper's labels, or give the labels of an .onnx their values in its sidecar." },
  );
}
