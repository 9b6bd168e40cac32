import { dictGet, locate } from '../../pytorch/pickle/access.ts';
import { readPickleFile } from '../../pytorch/pickle/unpickle.ts';
import { isPickleObject, type PickleValue } from '../../pytorch/pickle/value.ts';
import { type NnunetPlans, parsePlans } from './plans.ts';

/** Maximum nesting. No field that is read here is as deep. */
const DEPTH_LIMIT = 6;

/**
 * Converts a pickled value to plain JSON values, so that a schema can check it. Dicts with string or number keys become
 * objects without a prototype; lists, tuples and numpy arrays become arrays. Anything else, and anything nested deeper
 * than six levels, becomes undefined, which the schema rejects where it needs a value.
 */
export function plainValue(value: PickleValue | undefined, depth = 0): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (!isPickleObject(value)) return value;
  if (depth >= DEPTH_LIMIT) return undefined;
  switch (value.kind) {
    case 'list':
    case 'tuple':
      return value.items.map((item) => plainValue(item, depth + 1));
    case 'dict':
      return plainDict(value.entries, depth);
    case 'array':
      return nested(
        Array.from<PickleValue>(value.data).map((item) => plainValue(item, depth + 1)),
        value.shape,
      );
    default:
      return undefined;
  }
}

function plainDict(entries: ReadonlyMap<PickleValue, PickleValue>, depth: number): Record<string, unknown> {
  const plain: Record<string, unknown> = Object.create(null);
  for (const [key, value] of entries) {
    if (typeof key === 'string' || typeof key === 'number') plain[key] = plainValue(value, depth + 1);
  }
  return plain;
}

/** Arranges the elements of an array along its axes. A 0-dimensional array becomes its element. */
function nested(elements: readonly unknown[], shape: readonly number[]): unknown {
  const [length, ...inner] = shape;
  if (length === undefined) return elements[0];
  if (inner.length === 0) return elements;
  const step = inner.reduce((product, axis) => product * axis, 1);
  return Array.from({ length }, (_, k) => nested(elements.slice(k * step, (k + 1) * step), inner));
}

/** The fields that define the network. The rest of a plans file describes the training set and is not read. */
const PLANS_FIELDS = [
  'base_num_features',
  'num_modalities',
  'num_classes',
  'conv_per_stage',
  'transpose_forward',
  'transpose_backward',
  'plans_per_stage',
  'normalization_schemes',
] as const;

/**
 * Reads the plans that nnU-Net v1 keeps next to a checkpoint. (nnU-Net's loader ignores the `plans.pkl` above the
 * folds, too.)
 *
 * @param path - A `model_best.model.pkl`.
 * @throws ReigniteError PLANS_INVALID, CHECKPOINT_UNSUPPORTED (another activation), or what reading the pickle throws.
 */
export async function readPlansFile(path: string): Promise<NnunetPlans> {
  const root = locate(await readPickleFile(path), path, 'PLANS_INVALID');
  const plans = dictGet(root, 'plans');
  const chosen = PLANS_FIELDS.map((field) => [field, plainValue(dictGet(plans, field).value)]);
  return parsePlans(
    {
      name: plainValue(dictGet(root, 'name').value),
      init: plainValue(dictGet(root, 'init').value),
      plans: Object.fromEntries(chosen),
    },
    path,
  );
}
