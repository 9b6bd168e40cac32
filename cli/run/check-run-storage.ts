import type { RunConfig } from '../../config/schema.ts';
import { checkStorage, openRunStorage } from '../../toolkit/storage/run-storage.ts';

/**
 * Checks the storage of a configuration before anything depends on it; does nothing without a storage.
 *
 * @throws ReigniteError STORAGE_REFUSED, STORAGE_UNAVAILABLE, STORAGE_UNSUITABLE.
 */
export async function checkRunStorage({ storage }: Pick<RunConfig, 'storage'>, signal: AbortSignal): Promise<void> {
  if (storage !== undefined) await checkStorage((await openRunStorage(storage)).store, signal);
}
