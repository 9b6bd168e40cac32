import wrapAnsi from 'wrap-ansi';
import { ReigniteError } from '../toolkit/errors.ts';
import { asDiskError, asSystemError } from '../toolkit/files/disk-error.ts';

/** Escapes control characters, so that names from untrusted files cannot drive the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{C}\n\t]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** As `printable`, for a text that is one line: a line feed or tab in a name is escaped too. */
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

/** Results are JSON from now on: their lines stay as they are. */
export function printJson(): void {
  asJson = true;
}

/** Prints no progress from now on: what the interrupted command had to say is said. */
export function silenceSteps(): void {
  isSilent = true;
}

/**
 * Ends the command quietly when the reader of its output goes away, such as `head` or a terminal that is closed.
 *
 * @returns The error that kept output from being written, such as a full disk; undefined while there was none.
 */
export function watchOutput(): () => Error | undefined {
  let failure: Error | undefined;
  for (const [name, stream] of [
    ['standard output', process.stdout],
    ['standard error', process.stderr],
  ] as const) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A closed terminal gives EIO and sends SIGHUP as well.
      if (error.code === 'EPIPE') process.kill(process.pid, 'SIGPIPE');
      else if (error.code !== 'EIO' && error.code !== 'ERR_STREAM_DESTROYED') {
        const known = asDiskError(error, name);
        failure = known instanceof Error ? known : error;
      }
    });
  }
  return () => failure;
}

/** Waits until everything was written, or could not be. */
export async function outputWritten(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (stream.writable) await new Promise((resolve) => stream.write('', resolve));
  }
}

type Screen = { readonly isTTY?: boolean; readonly columns?: number };

/**
 * Breaks lines between words where they are wider than the terminal, never between a number and its unit; further lines
 * are indented as the first one is. Elsewhere, such as in a file or a pipe, text stays as it is. Longer words than a line, such as paths, stay whole.
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

/** Of a line that is too wide and would begin in the middle of the terminal. */
const SMALL_INDENT = 6;

/** A short number stays with its unit. */
const BEFORE_UNIT = /(?<=(?<![^\s(])[\d.,]{1,6}) (?=(?:%|px|s|min|h|[kMGT]?B)(?![\p{L}\d]))/gu;
const KEPT_SPACE = '\u00a0';

/** Width of the terminal that results go to; undefined where they go elsewhere. */
export function resultColumns(): number | undefined {
  const { isTTY, columns } = process.stdout;
  return isTTY && columns > 0 ? columns : undefined;
}

/** Prints a result for a person on stdout. */
export function printResult(text: string): void {
  printDocument(asJson ? text : fitted(text, process.stdout));
}

/** Prints on stdout what a program reads: lines stay as they are, whatever the terminal. */
export function printDocument(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A part of the terminal that is written over; lines that stay go above it. */
export interface LiveArea {
  persist(text: string): void;
}

let live: LiveArea | undefined;
let isQuiet = false;

/** Lines that stay are written above `area` from now on; undefined: there is none any more. */
export function setLiveArea(area: LiveArea | undefined): void {
  live = area;
}

/** Prints no progress from now on; errors and results are printed. */
export function quietSteps(): void {
  isQuiet = true;
}

let isVerbose = false;

/** Every activity in lines that stay, also on a terminal, and whole summaries from now on. */
export function verboseSteps(): void {
  isVerbose = true;
}

/** Whether details are wanted. */
export function areDetailsShown(): boolean {
  return isVerbose;
}

/** Whether progress is wanted at all. */
export function areStepsShown(): boolean {
  return !isQuiet && !isSilent;
}

/** Progress goes to stderr, so that results can be piped. */
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

/** Prints an error as a person, or as a program, wants it; returns the exit status. */
export function printError(error: unknown, { json, debug }: ErrorOutput): number {
  const known = asReigniteError(error);
  const { code, message: cause, remedy } = known;
  if (json) printResult(JSON.stringify({ error: { code, cause, remedy } }, null, 1));
  else if (!isSilent) writeStep(printable(`error ${code}: ${cause}\n  ${remedy}`));
  if (debug && !isSilent && error instanceof Error) writeStep(error.stack ?? '');
  return code === 'USAGE' || code === 'CONFIG_INVALID' ? EXIT.usage : EXIT.error;
}

/** A full disk, or what cannot be read or written, is named as such wherever it was met. */
export function asReigniteError(error: unknown): ReigniteError {
  const known = asSystemError(error);
  if (known instanceof ReigniteError) return known;
  return new ReigniteError('INTERNAL', `Unexpected error: ${error instanceof Error ? error.message : String(error)}`);
}
