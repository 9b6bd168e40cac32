import { TASK_TITLES } from '../../config/tasks.ts';
import type { LiveStage } from '../../runtime/run/run-progress.ts';
import { timeText } from '../../toolkit/format.ts';

/** How a stage was when it was first seen, so that its rate is known. */
export interface FirstSeen {
  readonly at: number;
  readonly done: number;
}

/** A stage with what is known of its pace. */
export interface TimedStage extends LiveStage {
  readonly first: FirstSeen;
  /** When it had ended; undefined while it is open. */
  readonly endedAt?: number | undefined;
}

/** Colours text; returns it unchanged where colours are off. */
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
 * The current state of a run: one line per stage with its bar, and the current steps. No line is wider than the
 * terminal.
 *
 * @param steps - Current activities that belong to no stage.
 * @param columns - Of the terminal.
 */
export function liveLines(
  stages: readonly TimedStage[],
  steps: readonly string[],
  now: number,
  columns: number,
  paint: Paint,
): string[] {
  const counts = Math.max(0, ...stages.map((stage) => countText(stage).length));
  const lines = stages.map((stage) => stageLine(stage, now, columns, counts, paint));
  const current = [...stages.flatMap((stage) => (stage.state === 'running' ? (stage.steps ?? []) : [])), ...steps];
  return current.length === 0 ? lines : [...lines, paint.faint(cut(`now: ${current.join(', ')}`, columns - 1))];
}

function stageLine(stage: TimedStage, now: number, columns: number, counts: number, paint: Paint): string {
  const isWide = columns >= WIDE;
  const width = isWide ? LONG_TITLE : SHORT_TITLE;
  const name = isWide ? (TITLES[stage.stage] ?? stage.stage) : stage.stage;
  const title = cut(name, width).padEnd(width);
  const share = stage.of === 0 ? 1 : Math.min(1, stage.done / stage.of);
  const count = countText(stage).padEnd(counts);
  const percent = `${Math.floor(100 * share)} %`.padStart(5);
  const tail = tailText(stage, now);
  const room = columns - 1 - width - 1 - count.length - 1 - percent.length;
  const colour =
    stage.state === 'failed' || stage.failed > 0 ? paint.bad : stage.state === 'done' ? paint.good : paint.busy;
  if (columns < NARROW) {
    const rest = cut(tail === '' ? '' : ` ${tail}`, room);
    return `${title} ${count} ${colour(percent)}${paint.faint(rest)}`.trimEnd();
  }
  const length = Math.max(8, Math.min(30, Math.floor(room / 2)));
  const filled = Math.round(share * length);
  const bar = colour('█'.repeat(filled)) + paint.faint('░'.repeat(length - filled));
  const rest = cut(tail, room - length - 3);
  return `${title} ${bar} ${count} ${percent}  ${paint.faint(rest)}`.trimEnd();
}

function countText({ done, of, unit }: LiveStage): string {
  return `${done} of ${of} ${unit}`;
}

/** Further facts about a stage, the most important first. */
function tailText({ state, failed, cached, first, endedAt, done, of }: TimedStage, now: number): string {
  const elapsed = ((endedAt ?? now) - first.at) / 1_000;
  const made = done - first.done;
  const left = state === 'running' && made > 0 && done < of ? (elapsed / made) * (of - done) : undefined;
  return [
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(state === 'failed' ? ['failed'] : []),
    ...(left === undefined ? [] : [`about ${timeText(left)} left`]),
    ...(elapsed >= 1 ? [timeText(elapsed)] : []),
    ...(left === undefined ? [] : [`${rateText(made / elapsed)}`]),
    ...(cached > 0 ? [`${cached} from the cache`] : []),
  ].join(', ');
}

function rateText(perSecond: number): string {
  return perSecond >= 1 ? `${perSecond.toFixed(1)} per s` : `${(60 * perSecond).toFixed(1)} per min`;
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return length < 2 ? '' : `${text.slice(0, length - 1)}…`;
}
