import { z } from 'zod';
import { type InferenceGuard, makeInference } from '../cache/make.ts';
import type { CacheEntry, KeyParts, StepCache } from '../cache/step-cache.ts';
import type { HomeFolders } from '../files/folders.ts';
import { asSentence } from '../format.ts';
import { AdapterNames, adapterNames, type RanEngine, SumsChoice, sumsChoice } from '../onnx/session/engine-choice.ts';
import type { InputImage, NetworkImage } from './input-image.ts';
import type { ImagePrediction } from './prediction.ts';

/** Facts about an inference that are stored in its cache entry. */
export const InferenceFacts = z.object({
  provider: z.string(),
  ...AdapterNames.shape,
  ...SumsChoice.shape,
  seconds: z.number(),
  notes: z.array(z.string()),
});
export type InferenceFacts = z.infer<typeof InferenceFacts>;

/** Extracts the facts that are stored in the cache. */
export function factsOf({
  provider,
  seconds,
  notes,
  ...names
}: AdapterNames &
  SumsChoice & {
    readonly provider: string;
    readonly seconds: number;
    readonly notes: readonly string[];
  }): InferenceFacts {
  return { provider, ...adapterNames(names), ...sumsChoice(names), seconds, notes: [...notes] };
}

export function readFacts({ facts }: CacheEntry): InferenceFacts {
  return InferenceFacts.parse(facts);
}

const SAME_AGAIN = 'Run the same command again, or set the provider with `--provider`.';

/** Folders for unfinished work, and the cache of finished predictions. */
export interface PredictServices {
  readonly home: HomeFolders;
  readonly cache: StepCache;
}

export interface PredictOptions<Progress> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress | { readonly phase: 'draw' }) => void;
  /** Counts attempts that die without progress, see {@link InferenceGuard}. */
  readonly crashes?: InferenceGuard['crashes'];
}

/** Returns everything that a result depends on: its inputs, and what the network runs on. */
export function inferenceKey(of: { readonly parts: KeyParts; readonly engine: RanEngine }): KeyParts {
  const { provider, ortVersion, instructionSet, precision = 'float32', batchSize } = of.engine;
  const on = { provider, ...adapterNames(of.engine), ortVersion, instructionSet };
  return { ...of.parts, ...on, precision, ...(batchSize !== undefined && { batchSize }) };
}

/** Result of a network for an image, computed now or taken from the cache. */
export interface Inferred {
  readonly entry: CacheEntry;
  readonly facts: InferenceFacts;
  readonly isCached: boolean;
}

/**
 * Returns the result of a network from the cache, or computes and stores it.
 *
 * @param of.parts - What the result depends on, except the engine.
 * @param of.engine - What the network runs on; part of the key.
 * @param infer - Computes the result in the folder that it is given, resuming an interrupted attempt. Returns its files.
 * @throws ReigniteError PROVIDER_UNAVAILABLE if the network ran on another engine. The result is not stored then.
 */
export async function inferOnce(
  of: { readonly parts: KeyParts; readonly engine: RanEngine },
  services: PredictServices,
  { crashes }: Pick<PredictOptions<never>, 'crashes'>,
  infer: (work: string) => Promise<{
    readonly files: Readonly<Record<string, string>>;
    readonly facts: InferenceFacts;
    readonly ran: RanEngine;
  }>,
): Promise<Inferred> {
  const parts = inferenceKey(of);
  const guard = { engine: of.engine, remedy: SAME_AGAIN, ...(crashes && { crashes }) };
  const { entry, isCached } = await makeInference(services, parts, guard, async (work) => {
    const { files, facts, ran } = await infer(work);
    return { files, facts: { ...facts, notes: [...facts.notes] }, ran };
  });
  return { entry, facts: readFacts(entry), isCached };
}

/**
 * Builds the fields that predictions of all tasks have in common.
 *
 * @param cautions - Why the numbers may mislead, one sentence each; listed first.
 * @param notes - Other notes on this image.
 */
export function describeInferred(
  { image, name }: { readonly image: string; readonly name: string },
  input: InputImage,
  seen: NetworkImage,
  { entry, facts, isCached }: Inferred,
  { cautions, notes }: { readonly cautions: readonly string[]; readonly notes: readonly string[] },
): Pick<
  ImagePrediction,
  | 'image'
  | 'name'
  | 'sha256'
  | 'width'
  | 'height'
  | 'cached'
  | 'key'
  | 'provider'
  | 'adapter'
  | 'driver'
  | 'engine'
  | 'precision'
  | 'batchSize'
  | 'seconds'
  | 'notes'
> &
  NetworkImage['said'] {
  return {
    image,
    name,
    sha256: seen.sha256,
    width: input.width,
    height: input.height,
    ...seen.said,
    cached: isCached,
    key: entry.key,
    provider: facts.provider,
    ...adapterNames(facts),
    ...sumsChoice(facts),
    seconds: isCached ? 0 : facts.seconds,
    notes: [...new Set([...cautions, ...notes, ...input.notes, ...facts.notes.map(asSentence), ...seen.notes])],
  };
}
