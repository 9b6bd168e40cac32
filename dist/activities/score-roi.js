import { readMaskPair } from '../toolkit/dataset/read-mask-pair.js';
import { roiConfusion } from '../toolkit/metrics/evaluate-he.js';
/** Counts an ROI's confusion over the whole with-context mask, and gathers what its cache entry says. */
export async function scoreRoi(roi, files, result) {
    const confusion = roiConfusion(await readMaskPair(roi, files.truth, files.mask));
    const { width, height, provider, fallbacks, instructionSet, tiles, seconds, notes } = result;
    return {
        width,
        height,
        confusion: confusion.toRows(),
        provider,
        fallbacks: [...fallbacks],
        instructionSet,
        tiles,
        seconds,
        notes: [...notes],
    };
}
