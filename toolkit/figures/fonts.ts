import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GlobalFonts } from 'canvas';

const SHIPPED = 'DejaVu Sans';
const FILES = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'];

/** Font of every figure: shipped with us for the PNG, the rest of the list is for viewers of the SVG. */
export const FIGURE_FONT = `${SHIPPED}, Verdana, sans-serif`;

let isRegistered = false;

/**
 * Makes the font of the figures known to the canvas, and through it to Vega: the authors' figures are set in it too.
 *
 * Without it text would look as the machine's fonts have it, or be missing where there are none.
 *
 * @throws Error when the font files are not installed.
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
