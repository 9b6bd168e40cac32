import { drawResamples, GENERATOR } from './resamples.js';
/** Fewer patients than this say little about others. */
const FEW_PATIENTS = 10;
/** Draws the resamples that a task's intervals share. */
export function drawFor(patients, matrices, side, { resamples, seed }) {
    const { warnings, ...uncertainty } = describeDraws(patients.length, { resamples, seed });
    return {
        draws: drawResamples(patients.length, resamples, seed),
        counts: {
            matrices: [...matrices],
            side,
            patients: patients.map(({ id, rois, published, ours }) => ({
                id,
                rois: [...rois],
                published: [...published],
                ours: [...ours],
            })),
        },
        uncertainty,
        warnings,
    };
}
/** What intervals rest on, and whether that is enough. */
export function describeDraws(patients, { resamples, seed }) {
    return {
        patients,
        resamples,
        seed,
        generator: GENERATOR,
        level: 0.95,
        warnings: patients < FEW_PATIENTS
            ? [`The intervals rest on ${patients} patients: fewer than ${FEW_PATIENTS} say little about others.`]
            : [],
    };
}
