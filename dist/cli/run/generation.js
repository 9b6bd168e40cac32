import { randomBytes } from 'node:crypto';
import { ReigniteError } from '../../toolkit/errors.js';
/**
 * The run with the part of the cache that it works in: a fresh one gets a part of its own, any other goes on in that of
 * the newest run of its configuration. So a fresh run that was cancelled or failed is not begun from nothing again.
 *
 * @throws ReigniteError RUN_OPEN when a fresh run is asked for while one of the configuration is open.
 */
export function inGeneration(run, newest, fresh) {
    if (fresh && newest?.isOpen === true) {
        throw alreadyOpen(run.id);
    }
    const known = newest?.memo['generation'];
    const generation = fresh ? newGeneration() : known;
    if (typeof generation !== 'string')
        return run;
    return { ...run, input: { ...run.input, folders: { ...run.input.folders, generation } } };
}
export function alreadyOpen(id) {
    return new ReigniteError('RUN_OPEN', `The run ${id} is open: it cannot be begun afresh.`);
}
/** Tells in a cache entry when the run began. */
function newGeneration() {
    return `${new Date().toISOString()} ${randomBytes(4).toString('hex')}`;
}
