import { sha256Of, sha256OfFile } from '../files/hash-file.js';
/**
 * Counts the meanings of a conversion: raised whenever the same checkpoint would give a model with other outputs,
 * so that nothing computed with the old one is taken for the new one's.
 */
export const CONVERTER_SCHEMA = 2;
/** Side of a tile in px, as the authors' scripts run with. */
export const DEFAULT_SIZE = 512;
/**
 * Identifies a detector by its checkpoint without converting it, so that a cache can decide.
 *
 * @param size - Side of a tile in px.
 * @returns The same digest that `convertDetector` writes into its card.
 * @throws ReigniteError FILE_MISSING.
 */
export async function detectorDigest(checkpoint, size = DEFAULT_SIZE, signal) {
    const { digest } = await hashSource(checkpoint, size, signal);
    return digest;
}
export async function hashSource(checkpoint, size, signal) {
    const sourceSha256 = await sha256OfFile(checkpoint, signal);
    return { sourceSha256, digest: sha256Of([`yolov5 ${CONVERTER_SCHEMA} ${size}`, sourceSha256].join('\n')) };
}
