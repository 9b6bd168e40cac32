import { ReigniteError } from '../../errors.ts';
import { asObject, dictGet, dictHas, type Located } from '../../pytorch/pickle/access.ts';
import { isPickleObject } from '../../pytorch/pickle/value.ts';
import { withoutPackages } from './module-tree.ts';

/** Where a network is in a checkpoint. */
export interface FoundNetwork {
  /** Which of the checkpoint's networks it is: the moving average where there is one, as YOLOv5's loader has it. */
  readonly weights: 'ema' | 'model';
  /** The network itself, out of what is wrapped around it; anything else where there is none. */
  readonly network: Located;
}

/** Modules that hold a network to run it elsewhere or otherwise, and the name that they hold it under. */
const WRAPPERS: ReadonlyMap<string, string> = new Map([
  ['torch.nn.parallel.data_parallel.DataParallel', 'module'],
  ['torch.nn.parallel.distributed.DistributedDataParallel', 'module'],
  ['models.common.AutoShape', 'model'],
  ['models.common.DetectMultiBackend', 'model'],
  ['ultralytics.nn.autobackend.AutoBackend', 'model'],
  ['ultralytics.models.yolo.model.YOLO', 'model'],
]);
const ENSEMBLES = ['models.experimental.Ensemble', 'ultralytics.nn.tasks.Ensemble'];
/** Wrappers within wrappers; a file may nest as deep as it likes. */
const MOST_WRAPPERS = 8;

/**
 * Finds the network of a checkpoint: under `ema` or `model`, the only module under another key, or the whole file; and
 * out of what PyTorch, YOLOv5 or Ultralytics wrap around it.
 *
 * @throws ReigniteError of `root.code` for an ensemble of several networks, and for a root that is neither a dict nor a
 *   module.
 */
export function findNetwork(root: Located): FoundNetwork {
  if (isModule(root)) return { weights: 'model', network: unwrapped(root) };
  if (dictHas(root, 'ema')) return { weights: 'ema', network: unwrapped(dictGet(root, 'ema')) };
  const model = dictHas(root, 'model') ? dictGet(root, 'model') : (onlyModule(root) ?? dictGet(root, 'model'));
  return { weights: 'model', network: unwrapped(model) };
}

function onlyModule(root: Located): Located | undefined {
  const { value } = root;
  if (!isPickleObject(value) || value.kind !== 'dict') return undefined;
  const keys = [...value.entries.keys()].filter((key) => typeof key === 'string');
  const [module, ...others] = keys.map((key) => dictGet(root, key)).filter(isModule);
  return others.length === 0 ? module : undefined;
}

/** Whether a value is an object that has submodules. */
function isModule({ value }: Located): boolean {
  if (!isPickleObject(value) || value.kind !== 'reduced') return false;
  const { state } = value;
  return isPickleObject(state) && state.kind === 'dict' && state.entries.has('_modules');
}

function unwrapped(wrapped: Located): Located {
  let network = wrapped;
  for (let depth = 0; depth < MOST_WRAPPERS && isModule(network); depth++) {
    const { module, name, state } = asObject(network);
    const className = withoutPackages(`${module}.${name}`);
    const modules = dictGet(state, '_modules');
    const held = ENSEMBLES.includes(className) ? onlyMember(modules, network) : WRAPPERS.get(className);
    if (held === undefined || !dictHas(modules, held)) return network;
    network = dictGet(modules, held);
  }
  return network;
}

function onlyMember(members: Located, { file, code }: Located): string {
  if (!dictHas(members, '1')) return '0';
  throw new ReigniteError(code, `${file} cannot be used: it is an ensemble of several networks.`, {
    remedy: 'Give the checkpoint of one of them, or export the ensemble to ONNX and give the ONNX file instead.',
  });
}
