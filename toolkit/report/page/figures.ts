import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Task } from '../../../config/tasks.ts';
import { folderOf } from '../../dataset/layout.ts';
import type { AccessibleFigure } from '../../figures/report-figures.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { sha256Of } from '../../files/hash-file.ts';
import { RESULTS, reportFolder } from '../../results/results-folder.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { Interval } from '../../verdict/verdict-file.ts';
import type { JudgedTask } from '../report-data.ts';
import { decimal, type Html, hrefOf, html, NOTHING } from './html.ts';

/** A figure over all ROIs, in one of the two styles; `both` is always shown. */
export interface ShownFigure {
  readonly title: string;
  readonly style: 'paper' | 'accessible' | 'both';
  /** Relative to report/. */
  readonly file: string;
  /** What it shows, in words. */
  readonly description: string;
  /** Size in px, which reserves space while the figure loads; missing if the file does not specify it. */
  readonly size?: { readonly width: number; readonly height: number };
}

/**
 * Writes a task's figures over all ROIs to report/assets, so that the report is self-contained: copies of those in the
 * paper's style, and accessible ones drawn from the same numbers.
 */
export async function writeFigures(results: string, task: JudgedTask): Promise<ShownFigure[]> {
  const metrics = await RESULTS.metrics.readIfThere(results, task.task);
  const accessible = metrics === undefined ? [] : await taskNamed(task.task).view(task).accessibleFigures(metrics);
  return [...(await placeFigures(results, task.task, accessible)), ...(await drawSweep(results, task))];
}

/**
 * Does the same for any folder with figures of a task.
 *
 * @param accessible - Accessible figures of the same numbers as those in the paper's style.
 */
export async function placeFigures(
  folder: string,
  task: Task,
  accessible: readonly AccessibleFigure[],
): Promise<ShownFigure[]> {
  const drawn = await Promise.all(accessible.map((figure) => drawAccessible(folder, task, figure)));
  const words = new Map(drawn.map((figure) => [stemOf(figure.file), figure]));
  return [...(await copyFigures(folder, task, words)), ...drawn];
}

/** Draws the scores over the confidence threshold, if the run has them. */
async function drawSweep(results: string, judged: JudgedTask): Promise<ShownFigure[]> {
  if (!('f1' in judged)) return [];
  const { task } = judged;
  const sweep = await RESULTS.sweep.readIfValid(results, task);
  if (sweep === undefined) return [];
  const { sweepFigure } = await import('../../figures/sweep-figure.ts');
  const title = 'Scores by confidence threshold';
  const spec = sweepFigure({ task, ...sweep });
  const file = `assets/figures/${task}/f1_over_threshold.svg`;
  const svg = await drawOnce(join(reportFolder(results), file), spec);
  return [{ title, style: 'both', file, description: spec.description ?? title, ...sizeOf(svg) }];
}

/** Titles of figures without an accessible version. */
const USUAL_TITLES: ReadonlyMap<string, string> = new Map([
  ['f1_all', 'Dice, all classes'],
  ['f1_til_use_case', 'Dice, TIL use case'],
]);

/**
 * Copies the figures in the paper's style.
 *
 * @param words - Titles and descriptions by stem, which apply to both styles.
 */
async function copyFigures(
  results: string,
  task: Task,
  words: ReadonlyMap<string, ShownFigure>,
): Promise<ShownFigure[]> {
  const folder = join(results, folderOf('figures', task));
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.svg')).sort();
  return Promise.all(
    names.map(async (name): Promise<ShownFigure> => {
      const svg = await readFile(join(folder, name), 'utf8');
      const file = `assets/figures/${task}/${name}`;
      await writeFileAtomic(join(reportFolder(results), file), svg);
      const usual = USUAL_TITLES.get(stemOf(name)) ?? stemOf(name).replaceAll('_', ' ');
      const { title, description } = words.get(stemOf(name)) ?? { title: usual, description: usual };
      return { title, style: 'paper', file, description, ...sizeOf(svg) };
    }),
  );
}

function stemOf(file: string): string {
  return basename(file, '.svg').replace(/_accessible$/, '');
}

async function drawAccessible(
  folder: string,
  task: Task,
  { stem, title, spec }: AccessibleFigure,
): Promise<ShownFigure> {
  const file = `assets/figures/${task}/${stem}_accessible.svg`;
  const svg = await drawOnce(join(reportFolder(folder), file), spec);
  return { title, style: 'accessible', file, description: spec.description ?? title, ...sizeOf(svg) };
}

/** Must be raised when the same specification is drawn differently, such as with another Vega or other fonts. */
const DRAWING = 1;

/** Draws a figure, unless the existing file was drawn from the same specification. */
async function drawOnce(path: string, spec: AccessibleFigure['spec']): Promise<string> {
  const mark = `data-drawn-from="${sha256Of(`${DRAWING} ${JSON.stringify(spec)}`)}"`;
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known.includes(mark)) return known;
  // Vega takes a second to load.
  const { renderSvg } = await import('../../figures/render-vega-lite.ts');
  const svg = (await renderSvg(spec)).replace('<svg', `<svg ${mark}`);
  await writeFileAtomic(path, svg);
  return svg;
}

/** Returns the width and height in an SVG's first element. */
export function sizeOf(svg: string): Pick<ShownFigure, 'size'> {
  const head = svg.slice(0, svg.indexOf('>'));
  const [width, height] = ['width', 'height'].map((name) => new RegExp(` ${name}="([0-9.]+)"`).exec(head)?.[1]);
  if (width === undefined || height === undefined) return {};
  return { size: { width: Math.ceil(Number(width)), height: Math.ceil(Number(height)) } };
}

export function figureGrid(figures: readonly ShownFigure[]): Html {
  const items = figures.map(({ title, style, file, description, size }) => {
    const href = hrefOf(file);
    const dimensions = size === undefined ? NOTHING : html` width="${size.width}" height="${size.height}"`;
    return html`<figure class="${style}"><a href="${href}"><img loading="lazy"${dimensions} src="${href}" alt="${description}"></a><figcaption>${title}</figcaption></figure>`;
  });
  return html`<div class="figures">${items}</div>`;
}

/** Switch between the two styles of figures; works without a script. */
export const STYLE_SWITCH = html`<fieldset class="styles"><legend>Figures</legend><label><input type="radio" name="style" id="style-accessible" checked> accessible: readable without colour, larger labels</label> <label><input type="radio" name="style" id="style-paper"> in the original style</label></fieldset>`;

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
