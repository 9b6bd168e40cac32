import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../../toolkit/errors.js';
import { readPoints } from '../../toolkit/metrics/points-file.js';
import { nameFaults } from './name-faults.js';
const SUFFIX = '.npy';
/**
 * Reads the points of every image of a task before any is scored.
 *
 * @throws ReigniteError ROI_UNPAIRED when no file is of an image of the task; NPY_INVALID that names every file at
 *   fault, not only the first.
 */
export async function readPointsToScore(folder, { task, images }) {
    const stems = new Set(images.map(({ stem }) => stem));
    const files = (await namesIn(folder)).filter((name) => name.endsWith(SUFFIX)).sort();
    const [known, others] = [files.filter(isKnown), files.filter((file) => !isKnown(file))];
    if (known.length === 0) {
        throw new ReigniteError('ROI_UNPAIRED', `${folder} holds no .npy file of any image of the task ${task}.`, {
            remedy: 'Give the folder that directly holds <image>.npy, an array of x, y and class a cell.',
        });
    }
    const found = new Map();
    const faults = [];
    for (const file of known) {
        try {
            found.set(file.slice(0, -SUFFIX.length), await readPoints(join(folder, file), task));
        }
        catch (error) {
            if (!(error instanceof ReigniteError))
                throw error;
            faults.push(error.message.replace(/\.$/, ''));
        }
    }
    if (faults.length > 0)
        throw new ReigniteError('NPY_INVALID', nameFaults(faults, `${known.length} files of points`));
    return { found, remarks: others.map((file) => `${file} is of no image of the task ${task}: it is not scored.`) };
    function isKnown(file) {
        return stems.has(file.slice(0, -SUFFIX.length));
    }
}
/** A folder that is not there holds nothing. */
async function namesIn(folder) {
    return readdir(folder).catch(() => []);
}
