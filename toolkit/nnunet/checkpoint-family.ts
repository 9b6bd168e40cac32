import { ReigniteError } from '../errors.ts';
import { asEntries, asString, dictGet, dictHas, type Located, locate } from '../pytorch/access.ts';
import type { PickleValue } from '../pytorch/value.ts';

/** Name of the parameters of nnU-Net v1's encoder, also behind the prefix of DataParallel. */
const V1_ENCODER = /^(?:module\.)?conv_blocks_context\./;

/**
 * Says what an nnU-Net checkpoint is, by the keys that nnU-Net itself writes.
 *
 * @param root - What the file holds.
 * @returns Undefined where it is none.
 */
export function checkpointFamily(root: PickleValue, file: string): string | undefined {
  try {
    const dict = locate(root, file, 'CHECKPOINT_UNSUPPORTED');
    if (dictHas(dict, 'network_weights') && dictHas(dict, 'trainer_name')) return v2Family(dict);
    if (dictHas(dict, 'state_dict')) {
      const names = asEntries(dictGet(dict, 'state_dict')).map(([name]) => name);
      if (names.some((name) => V1_ENCODER.test(name))) return 'weights of an nnU-Net v1 model: a dict';
    }
  } catch (error) {
    if (!(error instanceof ReigniteError)) throw error;
  }
  return undefined;
}

function v2Family(dict: Located): string {
  const trainer = asString(dictGet(dict, 'trainer_name'));
  const configuration = asString(dictGet(dictGet(dict, 'init_args'), 'configuration'));
  return `weights of an nnU-Net v2 model: a dict, trainer ${trainer}, configuration ${configuration}`;
}
