import type { CacheEntry, StepCache } from '../toolkit/cache/step-cache.ts';
import { ReigniteError } from '../toolkit/errors.ts';

/**
 * The cached result of a planned ROI.
 *
 * @throws ReigniteError FILE_MISSING when the cache lost it in the middle of a run.
 */
export async function entryOf(
  cache: StepCache,
  { roi, key }: { readonly roi: string; readonly key?: string | undefined },
): Promise<CacheEntry> {
  const entry = key === undefined ? undefined : await cache.find(key);
  if (entry !== undefined) return entry;
  throw new ReigniteError('FILE_MISSING', `The result of ROI ${roi} is no longer in the cache.`, {
    remedy: 'Type the same command again: the ROI is computed anew.',
  });
}
