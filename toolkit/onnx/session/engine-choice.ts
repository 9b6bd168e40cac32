import { z } from 'zod';
import { counted } from '../../format.ts';

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
    .describe('Of the fast engine with its sums on the GPU: tiles at once as configured, 0 by the memory of the GPU'),
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
