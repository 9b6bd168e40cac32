import { z } from 'zod';
import { ReigniteError } from '../../errors.ts';
import { counted } from '../../format.ts';

/** The GPU that a provider runs on, as cache keys and environment.json name it. */
export const AdapterNames = z.object({
  adapter: z
    .string()
    .exactOptional()
    .describe('GPU that the provider runs on, or the software rasteriser in its place; missing for the CPU'),
  driver: z.string().exactOptional().describe('Its driver with the version'),
});
export type AdapterNames = z.infer<typeof AdapterNames>;

/** Recorded if neither the driver nor the system names the adapter. */
export const UNKNOWN_ADAPTER = 'adapter unknown';

/** Vulkan and Direct3D drivers that compute on the CPU. */
const SOFTWARE = /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i;
const MARK = ', software rasteriser';

/** Returns the name of an adapter, marked if it is a software rasteriser. */
export function adapterName(name: string): string {
  return SOFTWARE.test(name) ? `${name}${MARK}` : name;
}

/** Returns whether an adapter is known to be hardware. */
export function isRealGpu({ adapter }: AdapterNames): boolean {
  return adapter !== undefined && adapter !== UNKNOWN_ADAPTER && !adapter.includes(MARK);
}

/** Formats adapter and driver, such as `NVIDIA H200 (139.8 GiB), driver 580.95.05`. */
export function adapterText({ adapter = UNKNOWN_ADAPTER, driver }: AdapterNames): string {
  return driver === undefined ? adapter : `${adapter}, driver ${driver}`;
}

/** Picks the two names from a larger object, to spread them into keys and documents. */
export function adapterNames({ adapter, driver }: AdapterNames): AdapterNames {
  return { ...(adapter !== undefined && { adapter }), ...(driver !== undefined && { driver }) };
}

/** Where a network runs. `cpu` is always available; the others need additional files and hardware. */
export const PROVIDERS = ['cpu', 'cuda', 'webgpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** The order in which sums are added: `exact` as in nnU-Net, `fast` the fastest one. */
export const ENGINES = ['exact', 'fast'] as const;
export type EngineName = (typeof ENGINES)[number];

/** Precision in which a network multiplies; sums over tiles and folds are always float32. */
export const PRECISIONS = ['float32', 'float16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** How the networks ran; empty for the exact engine, which always uses float32. */
export const EngineChoice = z.object({
  engine: z.literal('fast').exactOptional().describe('Only of the fast engine'),
  precision: z.enum(PRECISIONS).exactOptional().describe('Of the fast engine: what its networks multiply in'),
});
export type EngineChoice = z.infer<typeof EngineChoice>;

/** Every part of the choice that can affect a result. */
export const SumsChoice = z.object({
  ...EngineChoice.shape,
  batchSize: z
    .int()
    .min(0)
    .exactOptional()
    .describe(
      'Of the fast engine with its sums on the GPU, and of detectors on a GPU: tiles at once as configured, 0 by the memory of the GPU',
    ),
});
export type SumsChoice = z.infer<typeof SumsChoice>;

/** Returns the precision of the fast engine on a provider. */
export function precisionOn(provider: string, wanted: Precision | 'auto' = 'auto'): Precision {
  if (wanted !== 'auto') return wanted;
  return provider === 'cuda' ? 'float16' : 'float32';
}

/** Picks the three fields from a larger object, to spread them into documents. */
export function sumsChoice({ engine, precision, batchSize }: SumsChoice): SumsChoice {
  return {
    ...(engine !== undefined && { engine }),
    ...(precision !== undefined && { precision }),
    ...(batchSize !== undefined && { batchSize }),
  };
}

/** Returns the size of the batch as a phrase, such as `4 tiles at once`; undefined if there are no batches. */
export function batchText(batchSize: number | undefined): string | undefined {
  if (batchSize === undefined) return undefined;
  return batchSize === 0 ? 'as many tiles at once as its memory allows' : `${counted(batchSize, 'tile')} at once`;
}

/** Returns the engine's part of a partial result's identity. That of the exact engine is the same as before there was another. */
export function engineParts({ engine, precision, batchSize }: SumsChoice): Readonly<Record<string, string>> {
  if (engine === undefined) return { engine: 'exact' };
  return {
    engine,
    precision: precision ?? 'float32',
    ...(batchSize !== undefined && { batchSize: String(batchSize) }),
  };
}

/** What the networks run on. */
export interface Engine extends AdapterNames, SumsChoice {
  readonly provider: Provider;
  /** Why a provider that `auto` prefers was not used, one sentence each. */
  readonly fallbacks: readonly string[];
  readonly ortVersion: string;
  /** Kind of processor, see `instructionSet`. */
  readonly instructionSet: string;
}

/** The engine that a cache key names for a result. */
export interface KeyedEngine extends AdapterNames {
  readonly provider: string;
  readonly ortVersion: string;
  /** See `instructionSet`; missing if the key does not name it. */
  readonly instructionSet?: string;
  /** Missing means exact. */
  readonly engine?: string;
  /** Missing means float32. */
  readonly precision?: string;
  /** Tiles per pass as configured; only for the fast engine with its sums on the GPU, and for detectors on a GPU. */
  readonly batchSize?: number;
}

/** What a network actually ran on. */
export interface RanEngine extends Omit<KeyedEngine, keyof SumsChoice>, SumsChoice {
  readonly instructionSet: string;
}

const ONE_KIND =
  'Use the same kind of inference worker for the whole run, or choose one with `--set inference.provider=`.';

const ONE_SETTING = 'Cancel the run and start it again with the present `inference` settings.';

/**
 * Refuses a result of another engine than its cache key names, because it must never be stored under that key.
 *
 * @param ran - What the network actually ran on.
 * @param key - The engine that the key of the result names.
 * @throws ReigniteError PROVIDER_UNAVAILABLE.
 */
export function refuseOtherEngine(ran: RanEngine, key: KeyedEngine, remedy?: string): void {
  const isSameProcessor = key.instructionSet === undefined || ran.instructionSet === key.instructionSet;
  // Runs that were planned by an earlier version do not name the adapter.
  const isSameAdapter = key.adapter === undefined || (ran.adapter === key.adapter && ran.driver === key.driver);
  refuseOtherSums(ran, key, remedy ?? ONE_SETTING);
  if (ran.provider === key.provider && ran.ortVersion === key.ortVersion && isSameProcessor && isSameAdapter) return;
  const on = (engine: KeyedEngine) => {
    if (!isSameAdapter) return ` on ${adapterText(engine)}`;
    return isSameProcessor ? '' : ` on ${engine.instructionSet}`;
  };
  throw new ReigniteError(
    'PROVIDER_UNAVAILABLE',
    `This worker uses provider ${ran.provider} of ONNX Runtime ${ran.ortVersion}${on(ran)}; ` +
      `the run was planned for ${key.provider} of ${key.ortVersion}${on(key)}.`,
    { remedy: remedy ?? ONE_KIND },
  );
}

function refuseOtherSums(ran: KeyedEngine, key: KeyedEngine, remedy: string): void {
  const textOf = ({ engine = 'exact', precision = 'float32', batchSize }: KeyedEngine) =>
    `the ${engine} engine in ${precision}${batchSize === undefined ? '' : ` (inference.batchSize ${batchSize})`}`;
  if (textOf(ran) === textOf(key)) return;
  throw new ReigniteError(
    'PROVIDER_UNAVAILABLE',
    `This worker computes with ${textOf(ran)}; the run was planned for ${textOf(key)}.`,
    { remedy },
  );
}
