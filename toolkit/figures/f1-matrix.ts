import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import type { CellTask } from '../../config/tasks.ts';
import type { Rgb } from '../dataset/tissue-labels.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import type { DetectionMetrics, GroupAgreement } from '../metrics/agreement.ts';
import { formatTwoDecimals } from '../numpy.ts';
import { cellDefinition } from '../tasks/registry.ts';
import { contrastOf, cssColour, type SequentialScale, sequentialColour } from './matrix-colours.ts';
import { renderVegaLite } from './render-vega-lite.ts';
import { FIGURE_STYLE, LITERAL_COLOUR } from './style.ts';

/** Side of an entry in CSS px. */
const CELL = 76;
const DIAGONAL = '#f2f2f2';
const WHITE: Rgb = [255, 255, 255];
const SOFT_BLACK: Rgb = [38, 38, 38];
/** Text of at least 24 CSS px counts as large, for which a contrast of 3:1 is enough. */
const TEXT_SIZE = 24;
const LARGE_TEXT_CONTRAST = 3;
/** Text for readers without an image in common. */
const NOTHING = '–';

/** Everything that a figure of reader agreement shows, with the scores from which it was drawn. */
export interface F1MatrixData {
  readonly title: string;
  readonly readers: readonly string[];
  /** Names of the readers on the axes. */
  readonly labels: readonly string[];
  readonly scale: SequentialScale;
  /** Mean F1 over the classes, unrounded: [i][j] for i < j has reader i as ground truth. */
  readonly f1: readonly (readonly (number | null)[])[];
  /** The same as printed and transposed: rows are predictions, columns ground truth; empty where nothing is printed. */
  readonly texts: readonly (readonly string[])[];
}

/** Returns what `f1_scores_<group>.png` shows for a group. */
export function f1MatrixData(title: string, scale: SequentialScale, { readers, f1 }: GroupAgreement): F1MatrixData {
  const macro = f1['macro'] ?? [];
  const texts = readers.map((_, row) =>
    readers.map((_, column) => {
      if (column >= row) return '';
      const value = macro[column]?.[row] ?? null;
      return value === null ? NOTHING : formatTwoDecimals(value);
    }),
  );
  return { title, readers, labels: readers.map(shortName), scale, f1: macro, texts };
}

/**
 * Returns the figure of the lower triangle of the mean F1, like the authors' inference_utils.py: columns are ground
 * truth, rows predictions, colours from 0 to 1 encode the rounded values, and the diagonal is grey.
 *
 * A pair without images has a dash, where the authors' figure shows 0.00. Text is white, or soft black if the contrast
 * would be below 3:1.
 */
export function f1Matrix(data: F1MatrixData): TopLevelSpec {
  const { labels, title } = data;
  const axis = { type: 'nominal', sort: [...labels], title: null, scale: { padding: 0 } } as const;
  const side = labels.length * CELL;
  const ticks = { domain: false, labelFontSize: 21, labelAngle: 0, tickSize: 6, labelPadding: 5 } as const;
  return {
    ...FIGURE_STYLE,
    description: `${title}: mean F1 over the classes of every pair; columns are the ground truth, rows the prediction.`,
    title: { text: title, fontWeight: 'bold', fontSize: 20, anchor: 'middle', offset: 10 },
    width: side,
    height: side,
    view: { stroke: null },
    data: { values: cellsOf(data) },
    encoding: {
      x: { ...axis, field: 'truth', axis: ticks },
      y: { ...axis, field: 'prediction', axis: ticks },
    },
    layer: [
      {
        mark: { type: 'rect', aria: false, stroke: 'white', strokeWidth: 1 },
        encoding: { fill: { field: 'fill', ...LITERAL_COLOUR } },
      },
      {
        mark: { type: 'text', aria: false, fontSize: TEXT_SIZE },
        encoding: { text: { field: 'text', type: 'nominal' }, color: { field: 'ink', ...LITERAL_COLOUR } },
      },
    ],
  };
}

function cellsOf({ labels, scale, texts }: F1MatrixData) {
  return labels.flatMap((prediction, row) =>
    labels.slice(0, row + 1).map((truth, column) => {
      const text = texts[row]?.[column] ?? '';
      if (text === '' || text === NOTHING) return { truth, prediction, text, fill: DIAGONAL, ink: 'black' };
      const fill = sequentialColour(scale, Number(text));
      return { truth, prediction, text, fill: cssColour(fill), ink: cssColour(readableOn(fill)) };
    }),
  );
}

function readableOn(fill: Rgb): Rgb {
  return contrastOf(WHITE, fill) >= LARGE_TEXT_CONTRAST ? WHITE : SOFT_BLACK;
}

const ROMAN = ['ᵢ', 'ᵢᵢ', 'ᵢᵢᵢ', 'ᵢᵥ'];
const DIGITS = [...'₀₁₂₃₄₅₆₇₈₉'];

/** Shortens "reader P4" to P₄ and "reader R4" to Rᵢᵥ, as in the paper; keeps other names. */
function shortName(reader: string): string {
  const [, letter, number = ''] = /([PR])(\d+)$/.exec(reader) ?? [];
  if (letter === undefined) return reader;
  const subscript = letter === 'R' ? ROMAN[Number(number) - 1] : undefined;
  return `${letter}${subscript ?? [...number].map((digit) => DIGITS[Number(digit)] ?? digit).join('')}`;
}

/** A figure with its file stem and the data that it shows. */
export interface F1Figure {
  readonly stem: `f1_scores_${string}`;
  readonly data: F1MatrixData;
  readonly spec: TopLevelSpec;
}

/** Returns the figures of a detection task, one per group of readers. */
export function f1Figures({ groups }: DetectionMetrics, task: CellTask): F1Figure[] {
  return cellDefinition(task).groups.flatMap(({ name, title, scale }) => {
    const group = groups[name];
    if (group === undefined) return [];
    const data = f1MatrixData(title, scale, group);
    return [{ stem: `f1_scores_${name}` as const, data, spec: f1Matrix(data) }];
  });
}

/**
 * Writes `f1_scores_<group>` of a detection task, each as PNG, SVG and JSON with everything that it shows.
 *
 * @param options.metrics - `metrics/nuclei.json` or `metrics/pdl1.json`.
 * @param options.outDir - `figures/pdl1/<task>` of a results folder; created if missing.
 * @returns The written files, in a stable order.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function renderF1Figures(options: {
  readonly task: CellTask;
  readonly metrics: DetectionMetrics;
  readonly outDir: string;
  readonly signal?: AbortSignal;
}): Promise<string[]> {
  const written: string[] = [];
  for (const { stem, data, spec } of f1Figures(options.metrics, options.task)) {
    options.signal?.throwIfAborted();
    const { png, svg } = await renderVegaLite(spec);
    const files = { png, svg, json: `${JSON.stringify(data)}\n` };
    for (const [extension, content] of Object.entries(files)) {
      const path = join(options.outDir, `${stem}.${extension}`);
      await writeFileAtomic(path, content);
      written.push(path);
    }
  }
  return written;
}
