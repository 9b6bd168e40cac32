import { ERRORS, type ErrorCode } from './errors.ts';

/** The usual remedy of an error. */
export function remedyOf(code: string): string {
  return isErrorCode(code) ? ERRORS[code].remedy : ERRORS.INTERNAL.remedy;
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
