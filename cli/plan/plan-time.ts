import { z } from 'zod';
import type { Task } from '../../config/tasks.ts';
import type { CacheEntry } from '../../toolkit/cache/step-cache.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';

/** Speed that a plan reckons with, and where it comes from. */
export interface Pace {
  /** Wall time of one tile in one network, s. */
  readonly secondsPerTile: number;
  /** `measured` on what this home computed before; `assumed`: full-size networks on two cores. */
  readonly basis: 'measured' | 'assumed';
}

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
  const { inferenceStep, assumedSecondsPerTile } = taskNamed(task);
  const known = made
    .filter(({ parts }) => parts['step'] === inferenceStep && digest !== undefined && parts['model'] === digest)
    .flatMap(({ facts }) => Facts.safeParse(facts).data ?? []);
  const tiles = known.reduce((sum, fact) => sum + fact.tiles, 0) * folds;
  const seconds = known.reduce((sum, fact) => sum + fact.seconds, 0);
  if (tiles === 0 || seconds === 0) return { secondsPerTile: assumedSecondsPerTile, basis: 'assumed' };
  return { secondsPerTile: seconds / tiles, basis: 'measured' };
}
