import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Task } from '../../../config/tasks.ts';
import { folderOf } from '../../dataset/layout.ts';
import type { AccessibleFigure } from '../../figures/report-figures.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { sha256Of } from '../../files/hash-file.ts';
import { RESULTS, reportFolder } from '../../results/results-folder.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { JudgedTask } from '../report-data.ts';
import { type Html, hrefOf, html, NOTHING } from './html.ts';

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
  const { sweepFigure } = await import('../../sweep/sweep-figure.ts');
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
