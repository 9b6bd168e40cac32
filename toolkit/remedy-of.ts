import { ERRORS, isErrorCode } from './errors.ts';

/** The usual remedy of an error. */
export function remedyOf(code: string): string {
  return isErrorCode(code) ? ERRORS[code].remedy : ERRORS.INTERNAL.remedy;
}
