import { TASK_TITLES } from '../../config/tasks.ts';
import type { LiveStage } from '../../runtime/run/run-progress.ts';
import { bytesText, timeText } from '../../toolkit/format.ts';
import type { StageProgress } from '../../workflows/progress.ts';

/** Interval at which running activities are reported when nothing else changes: an ROI may take half an hour. */
const STEPS_MS = 30_000;

/**
 * Turns the state of a run into log lines: at the start and end of a stage, when it has advanced (at most every
 * `everyMs`), and occasionally about its steps.
 */
export class ProgressLines {
  readonly #write: (line: string) => void;
  readonly #everyMs: number;
  readonly #shown = new Map<string, { text: string; state: string; at: number }>();

  constructor(write: (line: string) => void, everyMs = 2_000) {
    this.#write = write;
    this.#everyMs = everyMs;
  }

  show(stages: readonly LiveStage[], now = Date.now()): void {
    for (const stage of stages) {
      const text = stageLine(stage);
      const last = this.#shown.get(stage.stage);
      if (last?.text === text) {
        const { steps = [] } = stage;
        if (steps.length === 0 || now - last.at < STEPS_MS) continue;
        this.#shown.set(stage.stage, { ...last, at: now });
        this.#write(`${text}; ${steps.join(', ')}`);
        continue;
      }
      if (last !== undefined && last.state === stage.state && now - last.at < this.#everyMs) continue;
      this.#shown.set(stage.stage, { text, state: stage.state, at: now });
      this.#write(text);
    }
  }
}

/** Formats the progress of a stage in one line. */
export function stageLine({ stage, unit, done, of, cached, failed, state }: StageProgress): string {
  const extras = [
    cached > 0 ? `${cached} from the cache` : '',
    failed > 0 ? `${failed} failed` : '',
    state === 'running' ? '' : state,
  ].filter((text) => text !== '');
  const tail = extras.length > 0 ? ` (${extras.join(', ')})` : '';
  return `${stage.padEnd(8)} ${done} of ${of} ${unit}${tail}`;
}

/** The state of a stage when it was first seen, from which its rate is computed. */
export interface FirstSeen {
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
  const lines = stageLines(stages, now, columns, paint);
  const ofStages = stages.flatMap((stage) => (stage.state === 'running' ? (stage.steps ?? []) : []));
  // Two tasks may be at the same step.
  const current = [...new Set([...ofStages, ...steps])];
  return current.length === 0 ? lines : [...lines, paint.faint(cutAtWord(`now: ${current.join(', ')}`, columns - 1))];
}

/** Formats one line per stage; omits the units of the counts if this leaves room for more of the remaining times. */
function stageLines(stages: readonly TimedStage[], now: number, columns: number, paint: Paint): string[] {
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
export function amountOf({ done, of, bytes, state }: LiveStage): { readonly made: number; readonly whole: number } {
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
