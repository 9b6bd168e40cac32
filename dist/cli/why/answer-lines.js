import { timeText } from '../../toolkit/quantity-text.js';
import { failedRoiLines } from '../run/failed-roi.js';
export function failureLines({ code, cause, remedy }) {
    return [`  ${code}: ${cause}`, `  ${remedy}`];
}
export function roiLines({ task, roi, state, because, failure, steps }) {
    return [
        `${task} ${roi}: ${state}`,
        ...(failure === undefined ? [`  ${because}`] : failureLines(failure)),
        ...steps.map(stepLine),
    ];
}
export function stepLine({ step, summary, outcome, attempts, runSeconds, workflow, event, failure }) {
    const tried = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
    const took = runSeconds === null ? '' : `, ${timeText(runSeconds)}`;
    const said = failure === undefined ? '' : `; ${failure.code}: ${failure.cause}`;
    return `  ${step} (${summary}): ${outcome}, ${tried}${took}${said} [event ${event} of ${workflow}]`;
}
export function taskLines(task, { rois, verdict, failures }) {
    const { total, computed, cached, failed } = rois;
    return [
        `${task}: ${verdict}; ${total} ROIs, ${computed} computed, ${cached} from the cache, ${failed} failed`,
        ...failures.flatMap(failedRoiLines),
    ];
}
