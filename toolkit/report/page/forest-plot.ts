import type { Interval } from '../../verdict/verdict-file.ts';
import { decimal, type Html, html, NOTHING } from './html.ts';

/** A score with its 95 % interval, and the published score. */
export interface ForestRow {
  readonly label: string;
  readonly value: number | null;
  readonly interval?: Interval | undefined;
  readonly published?: number | null | undefined;
  readonly publishedInterval?: Interval | undefined;
}

/** Distance of two ticks; the ends of the axis are rounded to it. */
const STEP = 0.1;
/** With more ticks, only every second one is labelled. */
const MANY_TICKS = 6;

/**
 * Draws a forest plot: one row per score, with ours as a dot on its interval and the published score as a diamond. The
 * numbers are text; the drawing is hidden from screen readers.
 *
 * @param caption - What the rows show.
 * @param ours - Name of our score: "reproduced", "yours".
 */
export function forestPlot(caption: string, ours: string, rows: readonly ForestRow[]): Html {
  const known = rows.filter(({ value }) => value !== null);
  if (known.length === 0) return NOTHING;
  const axis = axisOf(known);
  const hasPublished = known.some(({ published }) => (published ?? null) !== null);
  const key = hasPublished
    ? html`<span class="key"><svg width="14" height="14" aria-hidden="true"><circle class="ours" cx="7" cy="7" r="5"/></svg> ${ours} <svg width="14" height="14" aria-hidden="true"><path class="published" d="M7 1L13 7L7 13L1 7Z"/></svg> published; lines: 95 % intervals over patients</span>`
    : html`<span class="key">Lines: 95 % intervals over patients</span>`;
  return html`<figure class="forest"><figcaption>${caption}. ${key}</figcaption><ul>${known.map((row) => rowOf(row, axis, ours))}<li class="axis" aria-hidden="true"><span></span>${ticksOf(axis)}<span></span></li></ul></figure>`;
}

interface Axis {
  readonly from: number;
  readonly to: number;
}

function axisOf(rows: readonly ForestRow[]): Axis {
  const values = rows.flatMap(({ value, interval, published, publishedInterval }) =>
    [value, interval?.low, interval?.high, published, publishedInterval?.low, publishedInterval?.high].filter(
      (each) => each !== null && each !== undefined,
    ),
  );
  const from = Math.floor(Math.min(...values) / STEP) * STEP;
  const to = Math.ceil(Math.max(...values) / STEP) * STEP;
  return { from, to: Math.max(to, from + STEP) };
}

/** Converts a value to a position on the axis, in percent of its width, with a margin for marks at the ends. */
function positionOf(value: number, { from, to }: Axis): string {
  return `${(3 + (94 * (value - from)) / (to - from)).toFixed(2)}%`;
}

function rowOf(
  { label, value, interval, published = null, publishedInterval }: ForestRow,
  axis: Axis,
  ours: string,
): Html {
  const marks = html`${lineOf(publishedInterval, axis, 'published', 16)}${lineOf(interval, axis, 'ours', 9)}${published === null ? NOTHING : html`<svg class="mark" x="${positionOf(published, axis)}" y="16"><path class="published" d="M0-6L6 0L0 6L-6 0Z"/></svg>`}${value === null ? NOTHING : html`<circle class="ours" cx="${positionOf(value, axis)}" cy="9" r="5"/>`}`;
  const range = interval === undefined ? '' : ` (${decimal(interval.low)} to ${decimal(interval.high)})`;
  const beside = published === null ? '' : `, published ${decimal(published)}`;
  const said =
    published !== null && decimal(published) === decimal(value)
      ? html`${decimal(value)}${range}, as published`
      : html`${decimal(value)}${range}${beside}`;
  return html`<li><span class="name">${label}</span><svg class="track" width="100%" height="24" aria-hidden="true">${gridOf(axis)}${marks}</svg><span class="said"><span class="spoken">${ours} </span>${said}</span></li>`;
}

function lineOf(interval: Interval | undefined, axis: Axis, of: string, y: number): Html {
  if (interval === undefined) return NOTHING;
  const [low, high] = [positionOf(interval.low, axis), positionOf(interval.high, axis)];
  return html`<line class="${of}" x1="${low}" x2="${high}" y1="${y}" y2="${y}"/>`;
}

function ticksIn({ from, to }: Axis): readonly number[] {
  const count = Math.round((to - from) / STEP);
  return Array.from({ length: count + 1 }, (_, k) => from + k * STEP);
}

function gridOf(axis: Axis): Html {
  return html`${ticksIn(axis).map((tick) => html`<line class="tick" x1="${positionOf(tick, axis)}" x2="${positionOf(tick, axis)}" y1="0" y2="24"/>`)}`;
}

function ticksOf(axis: Axis): Html {
  const ticks = ticksIn(axis);
  const named = ticks.filter((_, k) => ticks.length <= MANY_TICKS || k % 2 === 0);
  return html`<svg class="track" width="100%" height="18">${named.map((tick) => html`<text x="${positionOf(tick, axis)}" y="13" text-anchor="middle">${tick.toFixed(1)}</text>`)}</svg>`;
}
