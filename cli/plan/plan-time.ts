import { z } from 'zod';
import type { Task } from '../../config/tasks.ts';
import type { CacheEntry } from '../../toolkit/cache/step-cache.ts';

/** Speed that a plan reckons with, and where it comes from. */
export interface Pace {
  /** Wall time of one tile in one network, s. */
  readonly secondsPerTile: number;
  /** `measured` on what this home computed before; `assumed`: full-size networks on two cores. */
  readonly basis: 'measured' | 'assumed';
}

/** On two cores of x64 without AVX-512, 512 px tiles (bench/README.md); other machines differ by far. */
const ASSUMED: Readonly<Record<Task, number>> = { he: 0.85, nuclei: 0.15, pdl1: 0.15 };
/** Bytes a second of a usual connection to the archive. */
export const ASSUMED_RATE = 10e6;

const Facts = z.object({ tiles: z.number(), seconds: z.number() });

/**
 * Seconds a tile as the entries of the cache tell them: of the same model where there are some, so that a small
 * network says nothing about a large one.
 *
 * @param of.folds - Networks that see each tile.
 */
export function paceOf(
  task: Task,
  made: readonly CacheEntry[],
  { digest, folds }: { readonly digest?: string; readonly folds: number },
): Pace {
  const step = task === 'he' ? 'segment-roi' : 'detect-cells';
  const known = made
    .filter(({ parts }) => parts['step'] === step && digest !== undefined && parts['model'] === digest)
    .flatMap(({ facts }) => Facts.safeParse(facts).data ?? []);
  const tiles = known.reduce((sum, fact) => sum + fact.tiles, 0) * folds;
  const seconds = known.reduce((sum, fact) => sum + fact.seconds, 0);
  if (tiles === 0 || seconds === 0) return { secondsPerTile: ASSUMED[task], basis: 'assumed' };
  return { secondsPerTile: seconds / tiles, basis: 'measured' };
}
