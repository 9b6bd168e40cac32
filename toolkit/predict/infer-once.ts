import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CacheEntry, cacheKey, type KeyParts, type StepCache } from '../cache/step-cache.ts';
import type { HomeFolders } from '../files/home-folders.ts';
import { asSentence } from './as-sentence.ts';
import { type InferenceFacts, readFacts } from './inference-facts.ts';
import type { InputImage } from './input-image.ts';
import type { NetworkImage } from './network-image.ts';
import type { ImagePrediction } from './prediction.ts';

/** Where predictions are kept, and what is unfinished. */
export interface PredictServices {
  readonly home: HomeFolders;
  readonly cache: StepCache;
}

export interface PredictOptions<Progress> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress | { readonly phase: 'draw' }) => void;
  /** Is called before the network begins, with the folder that a killed attempt goes on in. */
  readonly onWork?: (work: string) => Promise<void>;
}

/** What a network made of an image, now or at another time. */
export interface Inferred {
  readonly entry: CacheEntry;
  readonly facts: InferenceFacts;
  readonly isCached: boolean;
}

/**
 * Takes what a network makes of an image from the cache, else has it made and keeps it.
 *
 * @param infer - Works in the folder that it is given, which a killed one left and the next goes on in. Names its files.
 */
export async function inferOnce(
  parts: KeyParts,
  { home, cache }: PredictServices,
  { onWork }: Pick<PredictOptions<never>, 'onWork'>,
  infer: (
    work: string,
  ) => Promise<{ readonly files: Readonly<Record<string, string>>; readonly facts: InferenceFacts }>,
): Promise<Inferred> {
  const key = cacheKey(parts);
  const known = await cache.find(key);
  if (known !== undefined) return { entry: known, facts: readFacts(known), isCached: true };
  const work = join(home.work, key);
  await mkdir(work, { recursive: true });
  await onWork?.(work);
  const { files, facts } = await infer(work);
  const entry = await cache.store(parts, files, { ...facts, notes: [...facts.notes] });
  await rm(work, { recursive: true, force: true });
  return { entry, facts, isCached: false };
}

/** What is said of every prediction, whatever was predicted. */
export function describeInferred(
  { image, name }: { readonly image: string; readonly name: string },
  input: InputImage,
  seen: NetworkImage,
  { facts, isCached }: Inferred,
): Pick<ImagePrediction, 'image' | 'name' | 'width' | 'height' | 'cached' | 'provider' | 'seconds' | 'notes'> &
  NetworkImage['said'] {
  return {
    image,
    name,
    width: input.width,
    height: input.height,
    ...seen.said,
    cached: isCached,
    provider: facts.provider,
    seconds: isCached ? 0 : facts.seconds,
    notes: [...input.notes, ...facts.notes.map(asSentence), ...seen.notes],
  };
}
