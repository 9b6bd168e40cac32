import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GlobalFonts } from 'canvas';

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
