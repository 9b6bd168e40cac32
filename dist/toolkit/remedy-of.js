import { ERRORS } from './errors.js';
/** The usual remedy of an error. */
export function remedyOf(code) {
    return isErrorCode(code) ? ERRORS[code].remedy : ERRORS.INTERNAL.remedy;
}
function isErrorCode(code) {
    return Object.hasOwn(ERRORS, code);
}
