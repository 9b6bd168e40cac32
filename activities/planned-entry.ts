import type { CacheEntry, StepCache } from '../toolkit/cache/step-cache.ts';
import { ReigniteError } from '../toolkit/errors.ts';

/** An ROI as a stage's plan names it. */
export interface Planned {
  readonly roi: string;
  /** Key of its result in the cache; missing where a file of the ROI is. */
  readonly key?: string | undefined;
}

/**
 * The cached result of a planned ROI.
 *
 * @throws ReigniteError FILE_MISSING when the cache lost it in the middle of a run.
 */
export async function entryOf(cache: StepCache, planned: Planned): Promise<CacheEntry> {
  return entryOr(planned, planned.key === undefined ? undefined : await cache.find(planned.key));
}

/**
 * The same for a step that needs the facts of the entry, and none of its files.
 *
 * @throws ReigniteError FILE_MISSING when the cache lost it before this process read it.
 */
export async function recalledEntryOf(cache: StepCache, planned: Planned): Promise<CacheEntry> {
  return entryOr(planned, planned.key === undefined ? undefined : await cache.recall(planned.key));
}

function entryOr({ roi }: Planned, entry: CacheEntry | undefined): CacheEntry {
  if (entry !== undefined) return entry;
  throw new ReigniteError('FILE_MISSING', `The result of ROI ${roi} is no longer in the cache.`, {
    remedy: 'Type the same command again: the ROI is computed anew.',
  });
}
