import { createLogUpdate } from 'log-update';
import picocolors from 'picocolors';
import { TASK_TITLES } from '../../config/tasks.ts';
import type { LiveStage } from '../../runtime/run/run-progress.ts';
import { bytesText, timeText } from '../../toolkit/format.ts';
import { areDetailsShown, areStepsShown, printStep, setLiveArea } from '../output.ts';
import { ProgressLines, stageLines } from './progress-lines.ts';

/** Shows the progress of a run. */
export interface ProgressDisplay {
  /** @param steps - Current activities that belong to no stage. */
  show(stages: readonly LiveStage[], steps?: readonly string[]): void;
  /** Stops showing progress; the last state remains visible. */
  end(): void;
}

/** Opens a display: bars on a terminal, plain lines elsewhere and with `--verbose`, nothing with `--quiet`. */
export function openProgress(stream: NodeJS.WriteStream = process.stderr): ProgressDisplay {
  if (!areStepsShown()) return { show: () => undefined, end: () => undefined };
  const isVerbose = areDetailsShown();
  if (!isVerbose && isLive(stream)) return new LiveDisplay(stream);
  const lines = new ProgressLines(printStep, isVerbose ? 0 : undefined);
  let printed = '';
  return {
    show(stages, steps = []) {
      lines.show(stageLines(stages));
      const now = [...stages.flatMap((stage) => stage.steps ?? []), ...steps].join(', ');
      if (isVerbose && now !== '' && now !== printed) printStep(`now: ${now}`);
      printed = now;
    },
    end: () => undefined,
  };
}

/** Narrower terminals get plain lines. */
const NARROWEST = 40;

/**
 * Returns whether a stream is a terminal whose lines can be overwritten. A terminal of height 0, as some programs open,
 * is not.
 */
export function isLive(
  { isTTY, columns = 0, rows }: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number },
  environment: NodeJS.ProcessEnv = process.env,
): boolean {
  return isTTY === true && columns >= NARROWEST && rows !== 0 && environment['TERM'] !== 'dumb' && !environment['CI'];
}

/** Returns colour functions, which do nothing if `NO_COLOR` is set (https://no-color.org). */
export function paintOf(environment: NodeJS.ProcessEnv = process.env): Paint {
  const colours = picocolors.createColors(!environment['NO_COLOR']);
  return { good: colours.green, bad: colours.red, busy: colours.cyan, faint: colours.dim };
}

/**
 * Shows a run on a terminal, redrawn in the same lines: one bar per stage, and the current steps. Permanent lines are
 * printed above.
 */
class LiveDisplay {
  readonly #stream: NodeJS.WriteStream;
  readonly #log: ReturnType<typeof createLogUpdate>;
  readonly #paint = paintOf();
  readonly #first = new Map<string, FirstSeen>();
  readonly #ended = new Map<string, number>();
  #last: { readonly stages: readonly LiveStage[]; readonly steps: readonly string[] } | undefined;
  readonly #onResize = () => this.#draw(Date.now());

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#log = createLogUpdate(stream);
    setLiveArea({ persist: (text) => this.#log.persist(text) });
    stream.on('resize', this.#onResize);
  }

  /** @param steps - Current activities that belong to no stage. */
  show(stages: readonly LiveStage[], steps: readonly string[] = [], now = Date.now()): void {
    this.#last = { stages, steps };
    for (const each of stages) {
      const { stage, state } = each;
      if (!this.#first.has(stage)) this.#first.set(stage, { at: now, done: amountOf(each).made });
      if (state !== 'running' && !this.#ended.has(stage)) this.#ended.set(stage, now);
    }
    this.#draw(now);
  }

  /** Leaves the last state on the screen, without the steps. */
  end(): void {
    if (this.#last !== undefined) this.show(this.#last.stages, []);
    this.#log.done();
    this.#stream.off('resize', this.#onResize);
    setLiveArea(undefined);
  }

  #draw(now: number): void {
    if (this.#last === undefined) return;
    const { stages, steps } = this.#last;
    const timed = stages.map((stage): TimedStage => {
      const first = this.#first.get(stage.stage) ?? { at: now, done: amountOf(stage).made };
      return { ...stage, first, endedAt: this.#ended.get(stage.stage) };
    });
    this.#log(liveLines(timed, steps, now, this.#stream.columns, this.#paint).join('\n'));
  }
}

/** The state of a stage when it was first seen, from which its rate is computed. */
interface FirstSeen {
  readonly at: number;
  readonly done: number;
}

/** A stage with the times that its rate is computed from. */
export interface TimedStage extends LiveStage {
  readonly first: FirstSeen;
  /** When it ended; undefined while it is open. */
  readonly endedAt?: number | undefined;
}

/** Colours text; returns it unchanged if colours are disabled. */
export interface Paint {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly busy: (text: string) => string;
  readonly faint: (text: string) => string;
}

/** Narrower terminals get neither bars nor long titles. */
const NARROW = 60;
const WIDE = 100;
const SHORT_TITLE = 8;
const LONG_TITLE = 24;
const TITLES: Readonly<Record<string, string>> = { acquire: 'Download', ...TASK_TITLES };

/**
 * Formats the current state of a run: one line per stage with its bar, and the current steps. No line is wider than the
 * terminal.
 *
 * @param steps - Current activities that belong to no stage.
 * @param columns - Width of the terminal.
 */
export function liveLines(
  stages: readonly TimedStage[],
  steps: readonly string[],
  now: number,
  columns: number,
  paint: Paint,
): string[] {
  const lines = barLines(stages, now, columns, paint);
  const ofStages = stages.flatMap((stage) => (stage.state === 'running' ? (stage.steps ?? []) : []));
  // Two tasks may be at the same step.
  const current = [...new Set([...ofStages, ...steps])];
  return current.length === 0 ? lines : [...lines, paint.faint(cutAtWord(`now: ${current.join(', ')}`, columns - 1))];
}

/** Formats one line per stage; omits the units of the counts if this leaves room for more of the remaining times. */
function barLines(stages: readonly TimedStage[], now: number, columns: number, paint: Paint): string[] {
  const linesWith = (countOf: (stage: LiveStage) => string) => {
    const counts = Math.max(0, ...stages.map((stage) => countOf(stage).length));
    return stages.map((stage) => barLine(stage, countOf(stage).padEnd(counts), now, columns, paint));
  };
  const whole = linesWith(({ done, of, unit }) => `${done} of ${of} ${unit}`);
  const short = linesWith(({ done, of }) => `${done} of ${of}`);
  const lines = countMainFacts(short) > countMainFacts(whole) ? short : whole;
  return lines.map(({ head, tail }) => `${head}${tail === '' ? '' : paint.faint(tail)}`.trimEnd());
}

function countMainFacts(lines: readonly StageLine[]): number {
  return lines.filter(({ hasMainFact }) => hasMainFact).length;
}

/** @param count - The finished amount, padded. */
function barLine(stage: TimedStage, count: string, now: number, columns: number, paint: Paint): StageLine {
  const isWide = columns >= WIDE;
  const width = isWide ? LONG_TITLE : SHORT_TITLE;
  const name = isWide ? (TITLES[stage.stage] ?? stage.stage) : stage.stage;
  const title = cut(name, width).padEnd(width);
  const { made: done, whole: of } = amountOf(stage);
  const share = of === 0 ? 1 : Math.min(1, done / of);
  const percent = `${Math.floor(100 * share)} %`.padStart(5);
  const tail = tailParts(stage, now);
  const room = columns - 1 - width - 1 - count.length - 1 - percent.length;
  const colour =
    stage.state === 'failed' || stage.failed > 0 ? paint.bad : stage.state === 'done' ? paint.good : paint.busy;
  if (columns < NARROW) {
    return lineOf(`${title} ${count} ${colour(percent)} `, tail, room - 1);
  }
  // Words are more useful than a long bar.
  const length = Math.max(8, Math.min(30, Math.floor(room / 3)));
  const filled = Math.round(share * length);
  const bar = colour('█'.repeat(filled)) + paint.faint('░'.repeat(length - filled));
  return lineOf(`${title} ${bar} ${count} ${percent}  `, tail, room - length - 3);
}

function lineOf(head: string, parts: readonly Part[], room: number): StageLine {
  const tail = fitting(parts, room);
  return { head, tail, hasMainFact: tail !== '' || parts.length === 0 };
}

/** Returns what the bar of a stage shows: the bytes of a download, otherwise the count. */
function amountOf({ done, of, bytes, state }: LiveStage): { readonly made: number; readonly whole: number } {
  if (bytes === undefined || state === 'done') return { made: done, whole: of };
  return { made: bytes.done, whole: bytes.of };
}

/** Versions of a text about a fact, the longest first, for less and less room. */
type Part = readonly string[];

interface StageLine {
  readonly head: string;
  readonly tail: string;
  /** Whether the line includes the most important fact. */
  readonly hasMainFact: boolean;
}

/** Returns further facts about a stage, the most important first. */
function tailParts(stage: TimedStage, now: number): Part[] {
  const { state, failed, cached, first, endedAt, bytes } = stage;
  const { made: done, whole: of } = amountOf(stage);
  const elapsed = ((endedAt ?? now) - first.at) / 1_000;
  const made = done - first.done;
  const left = state === 'running' && made > 0 && done < of ? (elapsed / made) * (of - done) : undefined;
  return [
    ...(failed > 0 ? [[`${failed} failed`]] : []),
    ...(state === 'failed' ? [['failed']] : []),
    ...(left === undefined
      ? []
      : [[`about ${timeText(left)} left`, `${timeText(left)} left`, `${roughTime(left)} left`]]),
    ...(elapsed >= 1 ? [[timeText(elapsed)]] : []),
    ...(left === undefined
      ? []
      : [[bytes === undefined ? rateText(made / elapsed) : `${bytesText(made / elapsed)}/s`]]),
    ...(bytes === undefined || state !== 'running' ? [] : [[`${bytesText(bytes.done)} of ${bytesText(bytes.of)}`]]),
    ...(cached > 0 ? [[`${cached} from the cache`]] : []),
  ];
}

function rateText(perSecond: number): string {
  return perSecond >= 1 ? `${perSecond.toFixed(1)} per s` : `${(60 * perSecond).toFixed(1)} per min`;
}

/** Formats a duration in its largest unit only: "5 min". */
function roughTime(seconds: number): string {
  if (seconds <= 60) return timeText(seconds);
  return seconds <= 3_600 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3_600)} h`;
}

/** Joins as many complete parts as fit: half a number is worse than none. */
function fitting(parts: readonly Part[], length: number): string {
  let text = '';
  for (const part of parts) {
    const before = text === '' ? '' : `${text}, `;
    const found = part.find((words) => before.length + words.length <= length);
    if (found === undefined) return text;
    text = before + found;
  }
  return text;
}

/** Cuts a text between words, if possible. */
function cutAtWord(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = text.lastIndexOf(' ', length - 2);
  return end < length / 2 ? cut(text, length) : `${text.slice(0, end)} …`;
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return length < 2 ? '' : `${text.slice(0, length - 1)}…`;
}
