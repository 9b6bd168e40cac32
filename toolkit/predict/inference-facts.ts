import { z } from 'zod';
import type { CacheEntry } from '../cache/step-cache.ts';

/** What the cache remembers of an inference. */
const Facts = z.object({ provider: z.string(), seconds: z.number(), notes: z.array(z.string()) });
export type InferenceFacts = z.infer<typeof Facts>;

/** What is kept of a result. */
export function factsOf({
  provider,
  seconds,
  notes,
}: {
  readonly provider: string;
  readonly seconds: number;
  readonly notes: readonly string[];
}): InferenceFacts {
  return { provider, seconds, notes: [...notes] };
}

export function readFacts({ facts }: CacheEntry): InferenceFacts {
  return Facts.parse(facts);
}
