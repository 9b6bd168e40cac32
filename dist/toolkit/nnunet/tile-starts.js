import { roundHalfEven } from '../numpy/round-half-even.js';
/**
 * Where the tiles of a sliding window begin along one axis.
 *
 * The last tile ends at the border; the others are spread evenly, at most `patch / 2` apart.
 * Positions are rounded half to even as NumPy does: `Math.round` would move a tile by 1 px
 * for one image size in five.
 *
 * @param length - Padded image length in px, at least `patch`.
 * @param patch - Tile length in px.
 * @param rounding - `half-up` serves the discrepancy ledger alone. Default: half-even.
 * @returns Increasing start positions in px, the first 0.
 * @see `_compute_steps_for_sliding_window`, nnU-Net v1
 */
export function tileStarts(length, patch, rounding = 'half-even') {
    const round = rounding === 'half-even' ? roundHalfEven : Math.round;
    if (length < patch)
        throw new RangeError(`Expected length >= ${patch} px, got ${length}`);
    const count = Math.ceil((length - patch) / (patch / 2)) + 1;
    if (count === 1)
        return [0];
    const step = (length - patch) / (count - 1);
    return Array.from({ length: count }, (_, k) => round(step * k));
}
