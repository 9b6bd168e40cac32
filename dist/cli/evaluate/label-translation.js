import { HE_LABELS } from '../../toolkit/dataset/he-labels.js';
import { readLabelMap } from '../../toolkit/dataset/label-map.js';
import { ReigniteError } from '../../toolkit/errors.js';
/** The record's own label map calls class 2 otherwise than the authors' evaluation does. */
const OTHER_NAMES = { 'tumor epithelium': 2 };
/**
 * Reads how a model numbers the labels: a JSON object of the paper's names to the values of its masks.
 *
 * @throws ReigniteError LABEL_MAP_INVALID naming every label that the paper has not; FILE_MISSING.
 */
export async function readLabelTranslation(path) {
    const translation = Array.from({ length: 256 }, () => undefined);
    const unknown = [];
    for (const { name, value } of await readLabelMap(path)) {
        const label = labelNamed(name);
        if (label === undefined)
            unknown.push(name);
        else
            translation[value] = label;
    }
    if (unknown.length === 0)
        return translation;
    throw new ReigniteError('LABEL_MAP_INVALID', `${path} names what is no label of the paper: ${unknown.join(', ')}.`, {
        remedy: `Use these names: ${HE_LABELS.map(({ name }) => name).join(', ')}.`,
    });
}
function labelNamed(name) {
    const wanted = name.toLowerCase();
    return HE_LABELS.find((label) => label.name.toLowerCase() === wanted)?.value ?? OTHER_NAMES[wanted];
}
/** A mask in the paper's labels; values that have none become 255, which is no label. */
export function translateLabels(labels, translation) {
    return labels.map((value) => translation[value] ?? 255);
}
