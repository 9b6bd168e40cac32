import type { TopLevelSpec } from 'vega-lite';
import { FIGURE_STYLE } from '../vega-style.ts';

/** Our score and the published one. */
export interface ScoreRow {
  readonly name: string;
  readonly published: number | null;
  readonly ours: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

const ROW_HEIGHT = 26;
const OURS = '#0b3d6e';
const PUBLISHED = '#b03a00';

/**
 * Scores from 0 to 1, one line each: a dot is ours with its 95 % interval, a ring the published score, both numbers in
 * words next to them. Colour never carries information alone.
 *
 * @param unit - What the scores are: "Dice", "F1".
 */
export function scoreDots(title: string, unit: string, rows: readonly ScoreRow[]): TopLevelSpec {
  const values = rows.map(({ name, published, ours, low, high }) => ({
    name,
    ours,
    published,
    low: low ?? ours,
    high: high ?? ours,
    label: published === null ? ours.toFixed(3) : `${ours.toFixed(3)}   (published ${published.toFixed(3)})`,
    end: 1.03,
  }));
  const y = { field: 'name', type: 'nominal', sort: rows.map(({ name }) => name), title: null } as const;
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
    width: 420,
    height: rows.length * ROW_HEIGHT,
    view: { stroke: null },
    data: { values },
    encoding: { y: { ...y, axis: { labelFontSize: 13, domain: false, ticks: false } } },
    layer: [
      {
        mark: { type: 'rule', color: OURS, strokeWidth: 3, opacity: 0.55, aria: false },
        encoding: { x: { ...x('low'), axis }, x2: { field: 'high' } },
      },
      {
        mark: { type: 'point', shape: 'circle', size: 150, stroke: PUBLISHED, strokeWidth: 2, aria: false },
        encoding: { x: { ...x('published'), axis } },
      },
      {
        mark: { type: 'point', shape: 'circle', filled: true, size: 45, color: OURS, opacity: 1, aria: false },
        encoding: { x: { ...x('ours'), axis } },
      },
      {
        mark: { type: 'text', align: 'left', fontSize: 12, color: 'black', clip: false, aria: false },
        encoding: { x: { ...x('end'), axis }, text: { field: 'label', type: 'nominal' } },
      },
    ],
  };
}
