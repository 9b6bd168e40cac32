import { existsSync } from 'node:fs';
import { HE_LABELS } from '../../toolkit/dataset/he-labels.js';
import { ReigniteError } from '../../toolkit/errors.js';
import { decodeLabels } from '../../toolkit/image/decode-labels.js';
import { imageSize } from '../../toolkit/image/open-image.js';
import { nameFaults } from './name-faults.js';
/** What `scope: annotated` writes where nothing was predicted. */
const NOT_PREDICTED = 255;
/**
 * Checks all masks before any is scored.
 *
 * @returns What is odd but can be scored, a sentence a file: values that are no label drop out of the counts.
 * @throws ReigniteError ROI_UNPAIRED or SIZE_MISMATCH that names every file at fault, not only the first.
 */
export async function checkMasks(masks, translation) {
    const missing = masks.filter(({ prediction }) => !existsSync(prediction));
    const faults = missing.map(({ roi, prediction }) => `there is no prediction ${prediction} for ${roi}`);
    const remarks = [];
    for (const mask of masks.filter((each) => !missing.includes(each))) {
        const { fault, remark } = await checkMask(mask, translation);
        if (fault !== undefined)
            faults.push(fault);
        if (remark !== undefined)
            remarks.push(remark);
    }
    if (faults.length === 0)
        return remarks;
    const code = missing.length > 0 ? 'ROI_UNPAIRED' : 'SIZE_MISMATCH';
    throw new ReigniteError(code, nameFaults(faults, `${masks.length} masks`));
}
async function checkMask({ roi, annotation, prediction }, translation) {
    const truth = await imageSize(annotation);
    try {
        const { width, height, data } = await decodeLabels(prediction);
        if (width !== truth.width || height !== truth.height) {
            const sizes = `${width} x ${height} px, its annotation ${truth.width} x ${truth.height} px`;
            return { fault: `${prediction} has ${sizes}` };
        }
        const odd = oddValues(data, translation);
        if (odd.length === 0)
            return {};
        return {
            remark: `${roi}: the mask holds ${odd.join(', ')}, which is no label; such pixels drop out of the counts.`,
        };
    }
    catch (error) {
        if (error instanceof ReigniteError)
            return { fault: error.message.replace(/\.$/, '') };
        throw error;
    }
}
function oddValues(data, translation) {
    const seen = new Uint8Array(256);
    for (const value of data)
        seen[value] = 1;
    const isKnown = (value) => translation === undefined ? value < HE_LABELS.length || value === NOT_PREDICTED : translation[value] !== undefined;
    return Array.from(seen.keys()).filter((value) => seen[value] === 1 && !isKnown(value));
}
