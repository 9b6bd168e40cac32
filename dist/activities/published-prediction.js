import { join, sep } from 'node:path';
import { ReigniteError } from '../toolkit/errors.js';
/** What may be wrong with a published prediction: no reason for a run to end. */
const EXPECTED = new Set(['FILE_MISSING', 'SIZE_MISMATCH', 'IMAGE_UNREADABLE', 'NPY_INVALID']);
/**
 * What reading a published prediction gave; where it cannot be read, the reason instead. Files of ours do not belong
 * in here: one that cannot be read ends the step.
 *
 * @param data - The data folder: a reason names files as the record does, since a report may go anywhere.
 */
export async function publishedOr(roi, data, read) {
    try {
        return { read: await read() };
    }
    catch (error) {
        if (error instanceof ReigniteError && EXPECTED.has(error.code))
            return { roi, reason: error.message.replaceAll(join(data, sep), '') };
        throw error;
    }
}
