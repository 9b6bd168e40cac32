import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import type { Normalisation } from '../model-card.ts';
import { invalidPlans, type Pair, parsePlansField } from '../v1/plans.ts';

/** Limits far above any real network, so that a damaged file cannot request unbounded memory. */
const MOST = { stages: 12, convolutions: 64, features: 8192, kernel: 15, stride: 16, patch: 4096 };

const Features = z.int().min(1).max(MOST.features);
const Convolutions = z.int().min(1).max(MOST.convolutions);
const Kernel = z
  .int()
  .min(1)
  .max(MOST.kernel)
  .refine((kernel) => kernel % 2 === 1, 'expected an odd kernel');
const Stride = z.int().min(1).max(MOST.stride);
const pairOf = (side: z.ZodType<number>) =>
  z.union([side.transform((one): Pair => [one, one]), z.tuple([side, side])], 'expected two axes (a 2D network)');
const perStage = <T>(each: z.ZodType<T>) => z.union([z.array(each).min(1).max(MOST.stages), each]);

const NormKwargs = z
  .object({
    eps: z.number().positive().default(1e-5),
    affine: z.boolean().optional(),
    momentum: z.number().nullish(),
    track_running_stats: z.boolean().optional(),
  })
  .strict()
  .nullish();
const ActivationKwargs = z
  .object({
    inplace: z.boolean().optional(),
    negative_slope: z.number().optional(),
    alpha: z.number().optional(),
    approximate: z.string().optional(),
  })
  .strict()
  .nullish();

const ArchKwargs = z
  .object({
    n_stages: z.int().min(2).max(MOST.stages),
    features_per_stage: perStage(Features),
    conv_op: z.string(),
    kernel_sizes: perStage(pairOf(Kernel)),
    strides: perStage(pairOf(Stride)),
    n_conv_per_stage: perStage(Convolutions).optional(),
    n_blocks_per_stage: perStage(Convolutions).optional(),
    n_conv_per_stage_decoder: perStage(Convolutions),
    conv_bias: z.boolean().default(false),
    norm_op: z.string().nullish(),
    norm_op_kwargs: NormKwargs,
    dropout_op: z.string().nullish().describe('Does nothing in inference'),
    dropout_op_kwargs: z.unknown(),
    nonlin: z.string().nullish(),
    nonlin_kwargs: ActivationKwargs,
    nonlin_first: z.boolean().default(false),
    deep_supervision: z.boolean().optional().describe('Its heads are there in any case'),
    stem_channels: Features.nullish(),
    bottleneck_channels: z.null('expected none: blocks with a bottleneck are not supported').optional(),
  })
  .strict();
type ArchKwargs = z.infer<typeof ArchKwargs>;

const Architecture = z.object({ network_class_name: z.string(), arch_kwargs: ArchKwargs });

/** Plans of earlier releases describe the network by fields of the configuration itself. */
const OldArchitecture = z.object({
  UNet_class_name: z.string(),
  UNet_base_num_features: Features,
  unet_max_num_features: Features,
  n_conv_per_stage_encoder: z.array(Convolutions).min(2).max(MOST.stages),
  n_conv_per_stage_decoder: z.array(Convolutions).min(1).max(MOST.stages),
  pool_op_kernel_sizes: z.array(pairOf(Stride)),
  conv_kernel_sizes: z.array(pairOf(Kernel)),
});

const Intensity = z.object({
  mean: z.number(),
  std: z.number(),
  percentile_00_5: z.number(),
  percentile_99_5: z.number(),
});

/** Smallest and largest intensities, of those that the plans have. */
const Extent = z
  .object({
    min: z.number().exactOptional(),
    max: z.number().exactOptional(),
    percentile_00_5: z.number().exactOptional(),
    percentile_99_5: z.number().exactOptional(),
  })
  .catch({});

const Configuration = z.object({
  patch_size: z.tuple(
    [z.int().min(1).max(MOST.patch), z.int().min(1).max(MOST.patch)],
    'expected two axes (a 2D network)',
  ),
  spacing: z.array(z.number()).min(1),
  normalization_schemes: z.array(z.string()).min(1),
  use_mask_for_norm: z.array(z.boolean()),
});

const Plans = z.object({
  plans_name: z.string().optional(),
  transpose_forward: z
    .array(z.int())
    .refine((axes) => axes.every((axis, k) => axis === k), 'expected [0, 1, 2]: reordered axes are not supported')
    .optional(),
  configurations: z.record(z.string(), z.record(z.string(), z.unknown())),
  foreground_intensity_properties_per_channel: z.record(z.string(), z.unknown()).optional(),
  foreground_intensity_properties_by_modality: z.record(z.string(), z.unknown()).optional(),
});

/** Normalisation after a convolution. */
export interface Norm {
  readonly kind: 'instance' | 'batch';
  readonly epsilon: number;
  readonly affine: boolean;
}

/** Activation function with its parameters. */
export type Activation =
  | { readonly kind: 'leakyRelu'; readonly slope: number }
  | { readonly kind: 'elu'; readonly alpha: number }
  | { readonly kind: 'relu' | 'silu' | 'gelu' | 'mish' | 'none' };

/** The network that a configuration of nnU-Net v2 describes. */
export interface V2Network {
  readonly name: 'PlainConvUNet' | 'ResidualEncoderUNet';
  /** Channels at each resolution, full resolution first, as in `kernels`, `strides` and `encoder`. */
  readonly features: readonly number[];
  readonly kernels: readonly Pair[];
  /** The first is [1, 1]. */
  readonly strides: readonly Pair[];
  /** Convolutions, or residual blocks, of each stage of the encoder. */
  readonly encoder: readonly number[];
  /** Convolutions of each stage of the decoder, deepest first. */
  readonly decoder: readonly number[];
  readonly stemFeatures: number;
  readonly convBias: boolean;
  readonly norm: Norm | undefined;
  readonly activation: Activation;
  /** Whether the activation comes before the normalisation. */
  readonly activationFirst: boolean;
}

/** The content of an nnU-Net v2 plans file that affects predictions with one configuration. */
export interface V2Plans {
  readonly configuration: string;
  /** Name of the plans, such as nnUNetResEncUNetMPlans. */
  readonly plansName: string;
  /** Whether the plans come from an earlier release, without `architecture`. */
  readonly isOld: boolean;
  /** Height and width of a tile in px. */
  readonly patch: Pair;
  readonly normalisation: readonly Normalisation[];
  readonly network: V2Network;
}

/**
 * Reads one configuration of a plans file, for 2D networks.
 *
 * @param json - Content of plans.json.
 * @param configuration - The one that the checkpoint names, such as `2d`.
 * @param file - For messages.
 * @throws ReigniteError PLANS_INVALID naming the field; CHECKPOINT_UNSUPPORTED for a 3D network, a cascade, another
 *   architecture, norm, activation, normalisation or spacing.
 */
export function parseV2Plans(json: unknown, configuration: string, file: string): V2Plans {
  const plans = parsePlansField(Plans, json, file, '');
  const found = resolved(plans.configurations, configuration, file);
  const field = `configurations.${configuration}`;
  refuseOtherThan2d(found, configuration, file);
  const { patch_size: patch, ...settings } = parsePlansField(Configuration, found, file, field);
  refuseResampling(settings.spacing, file);
  const { architecture: described } = found;
  const isOld = described === undefined;
  const { name, kwargs } = isOld ? oldArchitecture(found, file, field) : newArchitecture(found, file, field);
  const network = networkOf(name, kwargs, file, field);
  rejectUnevenPatch(patch, network.strides, file, `${field}.patch_size`);
  const intensities =
    plans.foreground_intensity_properties_per_channel ?? plans.foreground_intensity_properties_by_modality ?? {};
  const normalisation = settings.normalization_schemes.map((scheme, channel) =>
    normalisationOf(scheme, settings.use_mask_for_norm[channel] ?? false, intensities[channel], file),
  );
  return { configuration, plansName: plans.plans_name ?? 'nnUNetPlans', isOld, patch, normalisation, network };
}

/** Merges a configuration with those that it inherits from. */
function resolved(
  configurations: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  name: string,
  file: string,
): Readonly<Record<string, unknown>> {
  const chain: Readonly<Record<string, unknown>>[] = [];
  const visited = new Set<string>();
  for (let next: unknown = name; next !== undefined; ) {
    if (typeof next !== 'string' || !Object.hasOwn(configurations, next) || visited.has(next)) {
      const known = Object.keys(configurations).slice(0, 8).join(', ');
      throw invalidPlans(
        file,
        'configurations',
        `the configuration ${String(next)} to inherit from is missing (available: ${known})`,
      );
    }
    visited.add(next);
    const { inherits_from: parent, ...own } = configurations[next] ?? {};
    chain.unshift(own);
    next = parent;
  }
  return Object.assign(Object.create(null), ...chain);
}

function refuseOtherThan2d(found: Readonly<Record<string, unknown>>, configuration: string, file: string): void {
  const { patch_size: patch, previous_stage: previous } = found;
  const remedy = 'Only 2D configurations are supported; train or name the `2d` one.';
  if ((previous !== undefined && previous !== null) || /cascade/i.test(configuration)) {
    throw unsupported(file, `${configuration} is the second stage of a cascade`, remedy);
  }
  if ((Array.isArray(patch) && patch.length === 3) || /^3d/i.test(configuration)) {
    throw unsupported(file, `${configuration} is a 3D configuration`, remedy);
  }
}

/** In nnU-Net, images without a pixel size have spacing 1. Any other spacing in the plans means resampling. */
function refuseResampling(spacing: readonly number[], file: string): void {
  if (spacing.slice(-2).every((side) => side === 1)) return;
  throw unsupported(
    file,
    `the network was trained at a spacing of ${spacing.slice(-2).join(' x ')}, and images here have spacing 1, so that nnU-Net would resample them`,
    'Plan and train the model on images without spacing (PNG, TIFF), or resample the images yourself and set the spacing in plans.json to 1.',
  );
}

interface NamedArchitecture {
  readonly name: string;
  readonly kwargs: ArchKwargs;
}

function newArchitecture(found: unknown, file: string, field: string): NamedArchitecture {
  const { architecture } = parsePlansField(
    z.object({ architecture: z.record(z.string(), z.unknown()) }),
    found,
    file,
    field,
  );
  const kwargs = parsePlansField(
    z.object({ network_class_name: z.string(), arch_kwargs: z.record(z.string(), z.unknown()) }),
    architecture,
    file,
    `${field}.architecture`,
  );
  const name = kwargs.network_class_name.split('.').at(-1) ?? '';
  knownNetwork(name, file);
  const { conv_op: convolution } = kwargs.arch_kwargs;
  if (String(convolution).includes('Conv3d')) throw unsupported(file, 'its convolutions are 3D', 'Use a 2D model.');
  return { name, kwargs: parsePlansField(Architecture, architecture, file, `${field}.architecture`).arch_kwargs };
}

function oldArchitecture(found: unknown, file: string, field: string): NamedArchitecture {
  const old = parsePlansField(OldArchitecture, found, file, field);
  const stages = old.n_conv_per_stage_encoder.length;
  return {
    name: old.UNet_class_name,
    kwargs: {
      n_stages: stages,
      features_per_stage: Array.from({ length: stages }, (_, stage) =>
        Math.min(old.UNet_base_num_features * 2 ** stage, old.unet_max_num_features),
      ),
      conv_op: 'torch.nn.modules.conv.Conv2d',
      kernel_sizes: old.conv_kernel_sizes,
      strides: old.pool_op_kernel_sizes,
      n_conv_per_stage: old.n_conv_per_stage_encoder,
      n_blocks_per_stage: old.n_conv_per_stage_encoder,
      n_conv_per_stage_decoder: old.n_conv_per_stage_decoder,
      conv_bias: true,
      norm_op: 'torch.nn.modules.instancenorm.InstanceNorm2d',
      norm_op_kwargs: { eps: 1e-5, affine: true },
      dropout_op_kwargs: null,
      nonlin: 'torch.nn.LeakyReLU',
      nonlin_kwargs: { inplace: true },
      nonlin_first: false,
    },
  };
}

function knownNetwork(name: string, file: string): V2Network['name'] {
  if (name === 'PlainConvUNet' || name === 'ResidualEncoderUNet') return name;
  throw unsupported(file, `its network is ${name}; supported are PlainConvUNet and ResidualEncoderUNet`);
}

function networkOf(className: string, kwargs: ArchKwargs, file: string, field: string): V2Network {
  const name = knownNetwork(className, file);
  const stages = kwargs.n_stages;
  const list = <T>(value: T | readonly T[] | undefined, length: number, key: string): readonly T[] => {
    if (value === undefined) throw invalidPlans(file, `${field}.${key}`, 'missing');
    const items: readonly T[] = isList(value) ? value : Array.from({ length }, () => value);
    if (items.length === length) return items;
    throw invalidPlans(file, `${field}.${key}`, `expected ${length} entries, got ${items.length}`);
  };
  const isPlain = name === 'PlainConvUNet';
  const features = list(kwargs.features_per_stage, stages, 'features_per_stage');
  const strides = pairs(kwargs.strides, stages, `${field}.strides`, file);
  if (strides[0]?.some((stride) => stride !== 1)) throw invalidPlans(file, `${field}.strides`, 'the first must be 1');
  return {
    name,
    features,
    strides,
    kernels: pairs(kwargs.kernel_sizes, stages, `${field}.kernel_sizes`, file),
    encoder: isPlain
      ? list(kwargs.n_conv_per_stage, stages, 'n_conv_per_stage')
      : list(kwargs.n_blocks_per_stage, stages, 'n_blocks_per_stage'),
    decoder: list(kwargs.n_conv_per_stage_decoder, stages - 1, 'n_conv_per_stage_decoder'),
    stemFeatures: kwargs.stem_channels ?? features[0] ?? 0,
    convBias: kwargs.conv_bias,
    norm: normOf(kwargs, file),
    activation: activationOf(kwargs, file),
    activationFirst: isPlain && kwargs.nonlin_first,
  };
}

/** Reads one pair for all stages, or a list of pairs. */
function pairs(value: readonly Pair[] | Pair, length: number, field: string, file: string): readonly Pair[] {
  const [first] = value;
  if (typeof first === 'number') {
    const [height, width] = value;
    if (typeof height === 'number' && typeof width === 'number') {
      return Array.from({ length }, (): Pair => [height, width]);
    }
  }
  const items = value.filter((item) => typeof item !== 'number');
  if (items.length === length) return items;
  throw invalidPlans(file, field, `expected ${length} entries, got ${items.length}`);
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

function normOf({ norm_op: operator, norm_op_kwargs: kwargs }: ArchKwargs, file: string): Norm | undefined {
  if (operator === null || operator === undefined) return undefined;
  const epsilon = kwargs?.eps ?? 1e-5;
  switch (operator.split('.').at(-1)) {
    case 'InstanceNorm2d':
      if (kwargs?.track_running_stats === true) {
        throw unsupported(file, 'its instance normalisation uses running statistics (track_running_stats)');
      }
      return { kind: 'instance', epsilon, affine: kwargs?.affine ?? false };
    case 'BatchNorm2d':
      if (kwargs?.track_running_stats === false) {
        throw unsupported(file, 'its batch normalisation has no running statistics (track_running_stats is false)');
      }
      return { kind: 'batch', epsilon, affine: kwargs?.affine ?? true };
    default:
      throw unsupported(file, `its normalisation is ${operator}; supported are InstanceNorm2d and BatchNorm2d`);
  }
}

function activationOf({ nonlin, nonlin_kwargs: kwargs }: ArchKwargs, file: string): Activation {
  if (nonlin === null || nonlin === undefined) return { kind: 'none' };
  switch (nonlin.split('.').at(-1)) {
    case 'LeakyReLU':
      return { kind: 'leakyRelu', slope: kwargs?.negative_slope ?? 0.01 };
    case 'ELU':
      return { kind: 'elu', alpha: kwargs?.alpha ?? 1 };
    case 'ReLU':
      return { kind: 'relu' };
    case 'SiLU':
      return { kind: 'silu' };
    case 'Mish':
      return { kind: 'mish' };
    case 'Identity':
      return { kind: 'none' };
    case 'GELU':
      if (kwargs?.approximate === undefined || kwargs.approximate === 'none') return { kind: 'gelu' };
  }
  throw unsupported(file, `its activation is ${nonlin}; supported are LeakyReLU, ReLU, ELU, SiLU, GELU and Mish`);
}

function normalisationOf(scheme: string, masked: boolean, intensity: unknown, file: string): Normalisation {
  switch (scheme.replace(/Normalization$/, '')) {
    case 'RGBTo01':
      return { scheme: 'RGBTo01' };
    case 'ZScore':
      return { scheme: 'ZScore', masked };
    case 'No':
    case 'None':
      requireBytes(intensity, file);
      return { scheme: 'None' };
    case 'RescaleTo01':
      return { scheme: 'RescaleTo01' };
    case 'CT': {
      const field = 'foreground_intensity_properties_per_channel';
      const {
        mean,
        std,
        percentile_00_5: low,
        percentile_99_5: high,
      } = parsePlansField(Intensity, intensity, file, field);
      requireBytes(intensity, file);
      return { scheme: 'CT', mean, std, low, high };
    }
    default:
      throw unsupported(file, `its images are normalised by ${scheme}, which is not supported`);
  }
}

/** Images are read with 8 bits per sample, so that schemes without statistics of the image need a training on these. */
function requireBytes(intensity: unknown, file: string): void {
  const [low, high] = Object.values(Extent.parse(intensity)).reduce<[number, number]>(
    (extent, value) => [Math.min(extent[0], value), Math.max(extent[1], value)],
    [0, 0],
  );
  if (low >= 0 && high <= 255) return;
  throw unsupported(
    file,
    `the network was trained on values from ${low} to ${high}, and images are read with 8 bits (0 to 255)`,
    'Train it on 8-bit images, or with a normalisation that uses the statistics of each image (ZScoreNormalization).',
  );
}

/** Skip connections fit only if the product of all strides divides the tile size. */
function rejectUnevenPatch(patch: Pair, strides: readonly Pair[], file: string, field: string): void {
  for (const axis of [0, 1] as const) {
    const factor = strides.reduce((product, stride) => product * stride[axis], 1);
    if (patch[axis] % factor !== 0) throw invalidPlans(file, field, `${patch[axis]} px is not a multiple of ${factor}`);
  }
}

export function unsupported(file: string, fault: string, remedy?: string): ReigniteError {
  return new ReigniteError('CHECKPOINT_UNSUPPORTED', `${file}: ${fault}.`, remedy === undefined ? {} : { remedy });
}
