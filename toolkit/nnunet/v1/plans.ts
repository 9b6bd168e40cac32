import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { readPickleFile } from '../../pytorch/containers/checkpoint.ts';
import { dictGet, isPickleObject, locate, type PickleValue } from '../../pytorch/pickle/value.ts';
import { MOST_CHANNELS } from '../model-card.ts';

const Count = z.int().min(1);
const Pair = z.tuple([Count, Count], 'expected two axes (a 2D network)');
const Kernel = z.union([z.literal(1), z.literal(3)], 'expected a kernel of 1 or 3');
const Transpose = z
  .array(z.int())
  .refine((axes) => axes.every((axis, k) => axis === k), 'expected [0, 1, 2]: reordered axes are not supported')
  .nullish();

const StagePlans = z.object({
  patch_size: Pair,
  num_pool_per_axis: z.tuple([z.int().min(0), z.int().min(0)], 'expected two axes (a 2D network)').optional(),
  pool_op_kernel_sizes: z.array(Pair).min(1).optional(),
  conv_kernel_sizes: z.array(z.tuple([Kernel, Kernel], 'expected two axes (a 2D network)')).optional(),
});

const Plans = z.object({
  base_num_features: Count,
  num_modalities: z.int().min(1).max(MOST_CHANNELS, `expected at most ${MOST_CHANNELS} channels`),
  num_classes: Count,
  conv_per_stage: Count.default(2),
  transpose_forward: Transpose,
  transpose_backward: Transpose,
  plans_per_stage: z.record(z.string(), z.unknown()),
});

const ModelInfo = z.object({
  name: z.string(),
  init: z.array(z.unknown()),
  plans: z.unknown(),
});

/** Height and width. */
export type Pair = readonly [number, number];

/** The fields of an nnU-Net v1 plans file that define the 2D network. */
export interface NnunetPlans {
  /** Name of the trainer class. */
  readonly trainer: string;
  /** Height and width of a tile in px. */
  readonly patch: Pair;
  /** Downsampling factors, one per pooling, full resolution first. */
  readonly pools: readonly Pair[];
  /** Convolution kernels, one per resolution, full resolution first; one more than `pools`. */
  readonly kernels: readonly Pair[];
  readonly baseFeatures: number;
  readonly modalities: number;
  /** Channels of the softmax: the classes of the plans plus one for "none of them". */
  readonly classes: number;
  readonly convPerStage: number;
}

/** Names of nnU-Net v1 trainers with another activation, which the parameters do not show. */
const OTHER_ACTIVATION = /relu|gelu|mish|nonlin/i;
/** Names of nnU-Net v1 trainers with group normalisation, whose parameters look like those of instance normalisation. */
const GROUP_NORM = /_GN(?:_|$)|group_?norm/i;
/** Position of `stage` among the arguments of nnUNetTrainerV2. */
export const STAGE_ARGUMENT = 5;

/**
 * Reads the description of a network as `process_plans` of nnU-Net v1 does, for a 2D network of one stage.
 *
 * @param info - Content of a `model_best.model.pkl` as plain objects, arrays and numbers.
 * @param file - Where it comes from, for messages.
 * @throws ReigniteError PLANS_INVALID naming the field; CHECKPOINT_UNSUPPORTED for a trainer known to build another
 *   network.
 * @example
 * const plans = parsePlans(info, 'model_best.model.pkl');
 */
export function parsePlans(info: unknown, file: string): NnunetPlans {
  const { name, init, plans: rawPlans } = parsePlansField(ModelInfo, info, file, '');
  if (OTHER_ACTIVATION.test(name)) {
    throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${file}: the trainer ${name} does not use LeakyReLU 0.01.`);
  }
  if (GROUP_NORM.test(name)) {
    throw new ReigniteError('CHECKPOINT_UNSUPPORTED', `${file}: the trainer ${name} uses group normalisation.`);
  }
  const plans = parsePlansField(Plans, rawPlans, file, 'plans');
  const stage = usedStage(init[STAGE_ARGUMENT], Object.keys(plans.plans_per_stage), file);
  const field = `plans.plans_per_stage.${stage}`;
  const stagePlans = parsePlansField(StagePlans, plans.plans_per_stage[stage], file, field);
  const pools = stagePlans.pool_op_kernel_sizes ?? poolsFromCounts(stagePlans.num_pool_per_axis, file, field);
  const kernels = stagePlans.conv_kernel_sizes ?? Array.from({ length: pools.length + 1 }, (): Pair => [3, 3]);
  if (kernels.length !== pools.length + 1) {
    throw invalidPlans(
      file,
      `${field}.conv_kernel_sizes`,
      `expected ${pools.length + 1} kernels, got ${kernels.length}`,
    );
  }
  rejectUnevenPatch(stagePlans.patch_size, pools, file, `${field}.patch_size`);
  return {
    trainer: name,
    patch: stagePlans.patch_size,
    pools,
    kernels,
    baseFeatures: plans.base_num_features,
    modalities: plans.num_modalities,
    classes: plans.num_classes + 1,
    convPerStage: plans.conv_per_stage,
  };
}

function usedStage(argument: unknown, stages: readonly string[], file: string): string {
  const [only] = stages;
  if (typeof argument === 'number' && stages.includes(String(argument))) return String(argument);
  if ((argument === undefined || argument === null) && stages.length === 1 && only !== undefined) return only;
  throw invalidPlans(file, 'init', `stage ${String(argument)} is not one of plans_per_stage (${stages.join(', ')})`);
}

/** Plans of early nnU-Net versions count the poolings per axis. An axis with fewer poolings starts at a deeper stage. */
function poolsFromCounts(counts: Pair | undefined, file: string, field: string): readonly Pair[] {
  const deepest = Math.max(...(counts ?? [0]));
  if (counts === undefined || deepest === 0) {
    throw invalidPlans(file, `${field}.pool_op_kernel_sizes`, 'missing, and num_pool_per_axis does not replace it');
  }
  const [rows, columns] = counts;
  const factor = (count: number, k: number): number => (deepest - count <= k ? 2 : 1);
  return Array.from({ length: deepest }, (_, k): Pair => [factor(rows, k), factor(columns, k)]);
}

/** Skip connections fit only if the total downsampling factor divides the tile size. */
function rejectUnevenPatch(patch: Pair, pools: readonly Pair[], file: string, field: string): void {
  for (const axis of [0, 1] as const) {
    const factor = pools.reduce((product, pool) => product * pool[axis], 1);
    if (patch[axis] % factor !== 0) throw invalidPlans(file, field, `${patch[axis]} px is not a multiple of ${factor}`);
  }
}

/**
 * Checks a field of the plans against a schema.
 *
 * @throws ReigniteError PLANS_INVALID naming the first field that does not fit.
 */
export function parsePlansField<T>(schema: z.ZodType<T>, value: unknown, file: string, field: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [field, ...(issue?.path ?? []).map(String)].filter((part) => part !== '').join('.');
  throw invalidPlans(file, path, issue?.message ?? 'not understood');
}

/** Creates the error PLANS_INVALID for one field. */
export function invalidPlans(file: string, field: string, fault: string): ReigniteError {
  return new ReigniteError('PLANS_INVALID', `${file}: ${field === '' ? 'the content' : field}: ${fault}.`);
}

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
