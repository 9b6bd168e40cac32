import { ReigniteError } from '../toolkit/errors.js';
/**
 * The cached result of a planned ROI.
 *
 * @throws ReigniteError FILE_MISSING when the cache lost it in the middle of a run.
 */
export async function entryOf(cache, planned) {
    return entryOr(planned, planned.key === undefined ? undefined : await cache.find(planned.key));
}
/**
 * The same for a step that needs the facts of the entry, and none of its files.
 *
 * @throws ReigniteError FILE_MISSING when the cache lost it before this process read it.
 */
export async function recalledEntryOf(cache, planned) {
    return entryOr(planned, planned.key === undefined ? undefined : await cache.recall(planned.key));
}
function entryOr({ roi }, entry) {
    if (entry !== undefined)
        return entry;
    throw new ReigniteError('FILE_MISSING', `The result of ROI ${roi} is no longer in the cache.`, {
        remedy: 'Type the same command again: the ROI is computed anew.',
    });
}
