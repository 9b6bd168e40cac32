import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GlobalFonts } from 'canvas';
import type { Config } from 'vega-lite';

const SHIPPED = 'DejaVu Sans';
const FILES = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];

/** Font of every figure. The first one is shipped and used for PNG; the others are for viewers of the SVG. */
export const FIGURE_FONT = `${SHIPPED}, Verdana, sans-serif`;

let isRegistered = false;

/**
 * Registers the font of the figures, which the authors' figures also use, with the canvas and so with Vega.
 *
 * Otherwise text would depend on the fonts of the machine, or be missing if there are none.
 *
 * @throws Error when the font files cannot be read.
 */
export function registerFonts(): void {
  if (isRegistered) return;
  const folder = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf');
  for (const file of FILES) {
    if (GlobalFonts.registerFromPath(join(folder, file), SHIPPED) === null) {
      throw new Error(`The font ${join(folder, file)} is not readable`);
    }
  }
  isRegistered = true;
}

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
