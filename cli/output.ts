import wrapAnsi from 'wrap-ansi';
import { ReigniteError } from '../toolkit/errors.ts';
import { asDiskError, asSystemError } from '../toolkit/files/file-access.ts';

/** Escapes control characters, so that names from untrusted files cannot drive the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** The same for text on one line: line feeds and tabs are escaped too. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', '\\u{a}').replaceAll('\t', '\\u{9}');
}

/** Exit statuses of the commands, described in docs/errors.md. */
export const EXIT = {
  done: 0,
  error: 1,
  usage: 2,
  partial: 3,
  differs: 4,
  hungUp: 129,
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

let isSilent = false;
let asJson = false;

/** Sets up the output of a command: nothing is suppressed. With `json`, results are not wrapped. */
export function startOutput({ json }: { readonly json: boolean }): void {
  asJson = json;
  isSilent = false;
  isQuiet = false;
  isVerbose = false;
  live = undefined;
}

/** Suppresses progress from now on: an interrupted command has printed its message. */
export function silenceSteps(): void {
  isSilent = true;
}

/**
 * Ends the command quietly when the reader of its output goes away, such as `head` or a closed terminal.
 *
 * @returns A function that returns the error that prevented output, such as a full disk; undefined if there was none.
 */
export function watchOutput(): () => Error | undefined {
  let failure: Error | undefined;
  for (const [name, stream] of [
    ['standard output', process.stdout],
    ['standard error', process.stderr],
  ] as const) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A closed terminal causes EIO and sends SIGHUP as well.
      if (error.code === 'EPIPE') process.kill(process.pid, 'SIGPIPE');
      else if (error.code !== 'EIO' && error.code !== 'ERR_STREAM_DESTROYED') {
        const known = asDiskError(error, name);
        failure = known instanceof Error ? known : error;
      }
    });
  }
  return () => failure;
}

/** Waits until all output was written, or writing failed. */
export async function outputWritten(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writable) await new Promise((resolve) => stream.write('', resolve));
  }
}

type Screen = { readonly isTTY?: boolean; readonly columns?: number };

/**
 * Wraps lines that are wider than the terminal, never between a number and its unit; continuation lines are indented
 * like the first one. Words longer than a line, such as paths, are not split. Text for a file or a pipe is not changed.
 */
export function fitted(text: string, { isTTY, columns = 0 }: Screen): string {
  if (!isTTY || columns === 0) return text;
  return text
    .split('\n')
    .map((line) => {
      const words = line.trimStart();
      const wanted = line.length - words.length;
      const indent = ' '.repeat(line.length > columns && wanted >= columns / 2 ? SMALL_INDENT : wanted);
      const rows = wrapAnsi(words.replaceAll(BEFORE_UNIT, KEPT_SPACE), columns - indent.length, { hard: false });
      return rows.replaceAll(KEPT_SPACE, ' ').replaceAll(/^/gm, indent);
    })
    .join('\n');
}

/** Indentation of a wide line that would otherwise start in the middle of the terminal. */
const SMALL_INDENT = 6;

/** A short number stays with its unit. */
const BEFORE_UNIT = /(?<=(?<![^\s(])[\d.,]{1,6}) (?=(?:%|px|s|min|h|[kMGT]?B)(?![\p{L}\d]))/gu;
const KEPT_SPACE = '\u00a0';

/** Returns the width of the terminal for results; undefined if the output is not a terminal. */
export function resultColumns(): number | undefined {
  const { isTTY, columns } = process.stdout;
  return isTTY && columns > 0 ? columns : undefined;
}

/** Prints a result for people on stdout. */
export function printResult(text: string): void {
  printDocument(asJson ? text : fitted(text, process.stdout));
}

/** Prints a result for programs on stdout: lines are never wrapped. */
export function printDocument(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A part of the terminal that is redrawn; permanent lines are printed above it. */
export interface LiveArea {
  persist(text: string): void;
}

let live: LiveArea | undefined;
let isQuiet = false;

/** Sets the area above which permanent lines are printed; undefined if there is none any more. */
export function setLiveArea(area: LiveArea | undefined): void {
  live = area;
}

/** Suppresses progress from now on; errors and results are still printed. */
export function quietSteps(): void {
  isQuiet = true;
}

let isVerbose = false;

/** Prints every activity as a permanent line, also on a terminal, and complete summaries. */
export function verboseSteps(): void {
  isVerbose = true;
}

/** Returns whether to print details. */
export function areDetailsShown(): boolean {
  return isVerbose;
}

/** Returns whether to print progress. */
export function areStepsShown(): boolean {
  return !isQuiet && !isSilent;
}

/** Prints progress on stderr, so that results can be piped. */
export function printStep(text: string): void {
  if (areStepsShown()) writeStep(text);
}

function writeStep(text: string): void {
  const lines = fitted(text, process.stderr);
  if (live === undefined) process.stderr.write(`${lines}\n`);
  else live.persist(lines);
}

export interface ErrorOutput {
  readonly json: boolean;
  readonly debug: boolean;
}

/** Prints an error for people or, with `json`, for programs; returns the exit status. */
export function printError(error: unknown, { json, debug }: ErrorOutput): number {
  const known = asReigniteError(error);
  const { code, message: cause, remedy } = known;
  if (json) printResult(JSON.stringify({ error: { code, cause, remedy } }, null, 1));
  else if (!isSilent) writeStep(printable(`error ${code}: ${cause}\n  ${remedy}`));
  if (debug && !isSilent && error instanceof Error) writeStep(error.stack ?? '');
  return code === 'USAGE' || code === 'CONFIG_INVALID' ? EXIT.usage : EXIT.error;
}

/** Converts any error to a ReigniteError: disk and permission errors get their own codes, wherever they occurred. */
export function asReigniteError(error: unknown): ReigniteError {
  const known = asSystemError(error);
  if (known instanceof ReigniteError) return known;
  return new ReigniteError('INTERNAL', `Unexpected error: ${error instanceof Error ? error.message : String(error)}`);
}
