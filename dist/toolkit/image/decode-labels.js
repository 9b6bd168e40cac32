import { ReigniteError } from '../errors.js';
import { openImage, readRaw } from './open-image.js';
/**
 * Decodes a label mask: the values as the file stores them.
 *
 * Masks of the record are 8-bit grey. Whatever else cannot be taken for label values without a guess is refused:
 * colours, a palette (its colours are not its indices), alpha, other bit depths.
 *
 * @throws ReigniteError FILE_MISSING, IMAGE_UNREADABLE.
 */
export async function decodeLabels(path) {
    const { pipeline, width, height, header } = await openImage(path);
    const obstacle = obstacleTo(header);
    if (obstacle !== undefined) {
        throw new ReigniteError('IMAGE_UNREADABLE', `The label mask ${path} cannot be read: ${obstacle}.`, {
            remedy: 'Save the mask as an 8-bit grey PNG whose pixel values are the labels.',
        });
    }
    const { data } = await readRaw(path, pipeline.toColourspace('b-w').raw({ depth: 'uchar' }));
    return { width, height, data };
}
function obstacleTo(header) {
    if (header.isPalette === true)
        return 'it has a palette';
    if (header.space !== 'b-w')
        return `its colours are ${header.space}`;
    if (header.hasAlpha)
        return 'it has an alpha channel';
    if (header.depth !== 'uchar')
        return `its samples are ${header.depth}`;
    // Shallower samples would come out stretched to 0..255.
    if (header.bitsPerSample !== undefined && header.bitsPerSample !== 8)
        return `it has ${header.bitsPerSample} bits a pixel`;
    return undefined;
}
