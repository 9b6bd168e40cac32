import type { Config } from 'vega-lite';
import { FIGURE_FONT } from './fonts.ts';

const AXIS = { domainColor: 'black', tickColor: 'black', labelColor: 'black', titleColor: 'black' };

const CONFIG: Config = {
  font: FIGURE_FONT,
  title: { fontSize: 16.5, fontWeight: 'normal', color: 'black', anchor: 'middle', offset: 8 },
  axis: {
    ...AXIS,
    grid: false,
    labelFontSize: 10.5,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    labelLimit: 0,
    labelPadding: 4,
    titlePadding: 8,
  },
};

/** Common style of all Vega-Lite figures: black on white like the authors', in the shipped font. */
export const FIGURE_STYLE: {
  readonly $schema: string;
  readonly background: string;
  readonly padding: number;
  // Named here, because TypeScript cannot name its parts where packages are linked, as pnpm does.
  readonly config: Config;
} = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  padding: 10,
  config: CONFIG,
};

/** For a field that contains colours instead of values to map to colours. */
export const LITERAL_COLOUR = { type: 'nominal', scale: null } as const;
