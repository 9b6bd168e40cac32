import { Pcg32 } from './pcg32.js';
/** How the resamples are drawn, for those who draw them again. */
export const GENERATOR = 'PCG32 (XSH-RR 64/32), stream 54, bounded by rejection';
/** The resamples are kept as uint16. */
const MOST_PATIENTS = 65_535;
/**
 * Draws resamples of patients with replacement, one after the other.
 *
 * @param patients - How many there are, 1 to 65,535.
 * @returns resamples x patients indices of patients, row by row.
 * @throws RangeError for more patients.
 */
export function drawResamples(patients, resamples, seed) {
    if (patients > MOST_PATIENTS)
        throw new RangeError(`Expected at most ${MOST_PATIENTS} patients, got ${patients}`);
    const random = new Pcg32(seed);
    return Uint16Array.from({ length: resamples * patients }, () => random.below(patients));
}
