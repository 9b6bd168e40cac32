import { ReigniteError } from '../toolkit/errors.js';
/** Text without characters that a terminal obeys: names in a file of somebody else's may hold any. */
export function printable(text) {
    return text.replaceAll(/[^\P{C}\n\t]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
/** Exit statuses of the commands (README, exit status). */
export const EXIT = { done: 0, error: 1, usage: 2, partial: 3, differs: 4, interrupted: 130, terminated: 143 };
/** Results go to stdout. */
export function printResult(text) {
    process.stdout.write(`${text}\n`);
}
/** Progress goes to stderr, so that results can be piped. */
export function printStep(text) {
    process.stderr.write(`${text}\n`);
}
/** Prints an error as a person, or as a program, wants it; returns the exit status. */
export function printError(error, { json, debug }) {
    const known = error instanceof ReigniteError
        ? error
        : new ReigniteError('INTERNAL', `Unexpected: ${error instanceof Error ? error.message : String(error)}`);
    const { code, message: cause, remedy } = known;
    if (json)
        printResult(JSON.stringify({ error: { code, cause, remedy } }, null, 1));
    else
        printStep(printable(`error ${code}: ${cause}\n  ${remedy}`));
    if (debug && error instanceof Error)
        printStep(error.stack ?? '');
    return code === 'USAGE' || code === 'CONFIG_INVALID' ? EXIT.usage : EXIT.error;
}
