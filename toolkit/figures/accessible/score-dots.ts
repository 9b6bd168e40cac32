import type { TopLevelSpec } from 'vega-lite';
import { FIGURE_STYLE } from '../vega-style.ts';

/** Our score with its interval, and the published score. */
export interface ScoreRow {
  readonly name: string;
  readonly published: number | null;
  readonly ours: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

const ROW_HEIGHT = 40;
/** Width in px; narrow, so that texts are readable on a phone too. Names and numbers are above the dots. */
const WIDTH = 360;
/** Vertical offset of texts from the centre of their row, in px. */
const TEXT_OFFSET = -11;
const DOT_OFFSET = 8;
const OURS = '#0b3d6e';
const PUBLISHED = '#b03a00';
const TEXT = { type: 'text', yOffset: TEXT_OFFSET, color: 'black', clip: false, aria: false } as const;

/**
 * Returns a figure of scores from 0 to 1, one per line: a dot with a 95 % interval for ours, a ring for the published
 * score, and both as text. No information is only in colour.
 *
 * @param unit - Name of the scores: "Dice", "F1".
 */
export function scoreDots(title: string, unit: string, rows: readonly ScoreRow[]): TopLevelSpec {
  const values = rows.map(({ name, published, ours, low, high }) => ({
    name,
    ours,
    published,
    low: low ?? ours,
    high: high ?? ours,
    label: published === null ? ours.toFixed(3) : `${ours.toFixed(3)}   (published ${published.toFixed(3)})`,
    start: 0,
    end: 1,
  }));
  const y = { field: 'name', type: 'nominal', sort: rows.map(({ name }) => name), title: null, axis: null } as const;
  const x = (field: string) => ({ field, type: 'quantitative' as const, scale: { domain: [0, 1] } });
  const axis = { title: unit, values: [0, 0.2, 0.4, 0.6, 0.8, 1], format: '.1f', grid: true, gridColor: '#ddd' };
  return {
    ...FIGURE_STYLE,
    description: `${title}. ${values.map(({ name, label }) => `${name} ${label}`).join('; ')}.`,
    title: {
      text: title,
      subtitle: 'dot: reproduced, line: its 95 % interval; ring: published',
      subtitleFontSize: 12,
      subtitleColor: '#333',
      anchor: 'start',
    },
    width: WIDTH,
    height: rows.length * ROW_HEIGHT,
    view: { stroke: null },
    data: { values },
    encoding: { y },
    layer: [
      {
        mark: { type: 'rule', yOffset: DOT_OFFSET, color: OURS, strokeWidth: 3, opacity: 0.55, aria: false },
        encoding: { x: { ...x('low'), axis }, x2: { field: 'high' } },
      },
      {
        mark: {
          type: 'point',
          yOffset: DOT_OFFSET,
          shape: 'circle',
          size: 150,
          stroke: PUBLISHED,
          strokeWidth: 2,
          aria: false,
        },
        encoding: { x: { ...x('published'), axis } },
      },
      {
        mark: {
          type: 'point',
          yOffset: DOT_OFFSET,
          shape: 'circle',
          filled: true,
          size: 45,
          color: OURS,
          opacity: 1,
          aria: false,
        },
        encoding: { x: { ...x('ours'), axis } },
      },
      {
        mark: { ...TEXT, align: 'left', fontSize: 13 },
        encoding: { x: { ...x('start'), axis }, text: { field: 'name', type: 'nominal' } },
      },
      {
        mark: { ...TEXT, align: 'right', fontSize: 12 },
        encoding: { x: { ...x('end'), axis }, text: { field: 'label', type: 'nominal' } },
      },
    ],
  };
}
