import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha256OfFile } from '../files/hash-file.js';
import { MODEL_MPP, resample, sizeAtModel, suitsModels } from './input-image.js';
/** Decides whether an image is resampled, and says what there is to say about its resolution. */
export async function networkImage(input, { mpp, resample: isWanted }, signal) {
    const original = { width: input.width, height: input.height };
    const size = isWanted && mpp !== undefined ? sizeAtModel(input, mpp) : original;
    const isResampled = size.width !== original.width || size.height !== original.height;
    return {
        sha256: await sha256OfFile(input.path, signal),
        original,
        size,
        isResampled,
        said: { ...(mpp !== undefined && { mpp }), ...(isResampled && { resampledTo: size }) },
        notes: resolutionNotes(mpp, isResampled, size),
        async write(work) {
            if (!isResampled)
                return input.path;
            const path = join(work, 'resampled.png');
            if (!existsSync(path))
                await resample(input.path, size, path);
            return path;
        },
    };
}
function resolutionNotes(mpp, isResampled, size) {
    if (isResampled) {
        return [
            `The network saw it at ${MODEL_MPP} µm/px (${size.width} x ${size.height} px); results are in its own pixels.`,
        ];
    }
    if (mpp === undefined || suitsModels(mpp))
        return [];
    return [`It has ${mpp} µm/px; the models expect ${MODEL_MPP}: --resample brings it there.`];
}
