import { ReigniteError } from '../toolkit/errors.ts';

/** Text without characters that a terminal obeys: names in a file of somebody else's may hold any. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** Exit statuses of the commands (README, exit status). */
export const EXIT = { done: 0, error: 1, usage: 2, partial: 3, differs: 4, interrupted: 130, terminated: 143 } as const;

/** Results go to stdout. */
export function printResult(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Progress goes to stderr, so that results can be piped. */
export function printStep(text: string): void {
  process.stderr.write(`${text}\n`);
}

export interface ErrorOutput {
  readonly json: boolean;
  readonly debug: boolean;
}

/** Prints an error as a person, or as a program, wants it; returns the exit status. */
export function printError(error: unknown, { json, debug }: ErrorOutput): number {
  const known =
    error instanceof ReigniteError
      ? error
      : new ReigniteError('INTERNAL', `Unexpected: ${error instanceof Error ? error.message : String(error)}`);
  const { code, message: cause, remedy } = known;
  if (json) printResult(JSON.stringify({ error: { code, cause, remedy } }, null, 1));
  else printStep(printable(`error ${code}: ${cause}\n  ${remedy}`));
  if (debug && error instanceof Error) printStep(error.stack ?? '');
  return code === 'USAGE' || code === 'CONFIG_INVALID' ? EXIT.usage : EXIT.error;
}
