import { z } from 'zod';
import { counted } from '../../format.ts';

/** How sums are made: `exact` in the order of nnU-Net, `fast` in the order that costs least. */
export const ENGINES = ['exact', 'fast'] as const;
export type EngineName = (typeof ENGINES)[number];

/** What a network multiplies in; sums over tiles and folds are float32 always. */
export const PRECISIONS = ['float32', 'float16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** How the networks ran; nothing of it for the exact engine, which has float32 always. */
export const EngineChoice = z.object({
  engine: z.literal('fast').exactOptional().describe('Only of the fast engine'),
  precision: z.enum(PRECISIONS).exactOptional().describe('Of the fast engine: what its networks multiply in'),
});
export type EngineChoice = z.infer<typeof EngineChoice>;

/** All of the choice that a result can depend on. */
export const SumsChoice = z.object({
  ...EngineChoice.shape,
  batchSize: z
    .int()
    .min(0)
    .exactOptional()
    .describe('Of the fast engine with its sums on the GPU: tiles at once as configured, 0 by the memory of the GPU'),
});
export type SumsChoice = z.infer<typeof SumsChoice>;

/** What the fast engine multiplies in on a provider. */
export function precisionOn(provider: string, wanted: Precision | 'auto' = 'auto'): Precision {
  if (wanted !== 'auto') return wanted;
  return provider === 'cuda' ? 'float16' : 'float32';
}

/** These and nothing else of what may hold more, to be spread into documents. */
export function sumsChoice({ engine, precision, batchSize }: SumsChoice): SumsChoice {
  return {
    ...(engine !== undefined && { engine }),
    ...(precision !== undefined && { precision }),
    ...(batchSize !== undefined && { batchSize }),
  };
}

/** The size of the batch in a phrase, such as `4 tiles at once`; undefined where it plays no part. */
export function batchText(batchSize: number | undefined): string | undefined {
  if (batchSize === undefined) return undefined;
  return batchSize === 0 ? 'as many tiles at once as its memory allows' : `${counted(batchSize, 'tile')} at once`;
}

/** What a partial result is named by: for the exact engine as it was before there was another. */
export function engineParts({ engine, precision, batchSize }: SumsChoice): Readonly<Record<string, string>> {
  if (engine === undefined) return { engine: 'exact' };
  return {
    engine,
    precision: precision ?? 'float32',
    ...(batchSize !== undefined && { batchSize: String(batchSize) }),
  };
}
