import { remedyOf } from '../../toolkit/remedy-of.js';
/** An ROI that failed, with what a person can do about it. */
export function failedRoiLines({ roi, code, cause, remedy }) {
    return [`  ${roi}: ${code}: ${cause}`, `    ${remedy ?? remedyOf(code)}`];
}
