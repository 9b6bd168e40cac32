import { CELL_CLASSES } from '../dataset/readers.js';
/**
 * What is in effect, not what is declared: the nuclei script has constants of its own, but calls `run_inference`
 * without them, so its defaults apply.
 *
 * @see `code/pdl1_detection/{nuclei,pdl1}_test_set_inference.py` and `src/inference.py` of
 *   https://github.com/DIAGNijmegen/ignite-data-toolkit
 */
export const TASK_SETTINGS = {
    nuclei: {
        tile: 512,
        confidence: 0.5,
        iou: 0.5,
        classes: CELL_CLASSES.nuclei,
        declared: { tile: 128, confidence: 0.6, iou: 0.4 },
    },
    pdl1: {
        tile: 512,
        confidence: 0.5,
        iou: 0.6,
        classes: CELL_CLASSES.pdl1,
        declared: {},
    },
};
/** Limits of both scripts. */
export const TASK_LIMITS = { maxCandidates: 30_000, maxKept: 1_500 };
