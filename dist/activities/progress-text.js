import { z } from 'zod';
import { bytesText, timeText } from '../toolkit/quantity-text.js';
/** What steps tell of themselves; each tells some of it. */
const Told = z.object({
    phase: z.string().optional(),
    /** Of the conversion of a model. */
    step: z.string().optional(),
    roi: z.string().optional(),
    image: z.string().optional(),
    file: z.string().optional(),
    tile: z.number().optional(),
    bytes: z.number().optional(),
    done: z.number().optional(),
    of: z.number().optional(),
    total: z.number().optional(),
    row: z.number().optional(),
    rows: z.number().optional(),
    fold: z.number().optional(),
    bytesPerSecond: z.number().optional(),
    secondsLeft: z.number().optional(),
});
/** Names of phases that do not read as what is going on. */
const PHASES = {
    convert: 'converting',
    detect: 'detecting',
    encode: 'writing',
    hash: 'hashing',
    parity: 'comparing with the unoptimised graph',
    predict: 'predicting',
    report: 'writing the report',
    trace: 'reading the histories',
    write: 'writing',
};
/**
 * What a step's heartbeat says, as a sentence for whoever looks at the pending step, such as
 * `patient1_he_roi2: predicting, tile 120 of 400 (30 %), row 3 of 12, fold 2`. Rows and folds count from 1.
 */
export function progressText(progress) {
    const { data: told = {} } = Told.safeParse(progress);
    const subject = told.roi ?? told.image ?? told.file;
    const phase = told.phase ?? told.step;
    const parts = [
        ...(phase === undefined ? [] : [PHASES[phase] ?? phase]),
        ...countOf(told),
        ...(told.row === undefined || told.rows === undefined
            ? []
            : [`row ${Math.min(told.row + 1, told.rows)} of ${told.rows}`]),
        ...(told.fold === undefined ? [] : [`fold ${told.fold + 1}`]),
        ...(told.bytesPerSecond === undefined ? [] : [`${bytesText(told.bytesPerSecond)}/s`]),
        ...(told.secondsLeft === undefined || told.secondsLeft <= 0 ? [] : [`${timeText(told.secondsLeft)} left`]),
    ];
    const what = parts.length === 0 ? 'at work' : parts.join(', ');
    return subject === undefined ? what : `${subject}: ${what}`;
}
function countOf({ tile, bytes, done, of, total }) {
    const ofAll = of ?? total;
    if (ofAll === undefined)
        return done === undefined || done === 0 ? [] : [`${done} done`];
    if (bytes !== undefined)
        return [`${bytesText(bytes)} of ${bytesText(ofAll)}${shareOf(bytes, ofAll)}`];
    if (tile !== undefined)
        return [`tile ${tile} of ${ofAll}${shareOf(tile, ofAll)}`];
    return done === undefined ? [] : [`${done} of ${ofAll}${shareOf(done, ofAll)}`];
}
function shareOf(done, of) {
    return of === 0 ? '' : ` (${Math.floor((100 * done) / of)} %)`;
}
