import { Canvas } from 'canvas';
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { registerFonts, withResolution } from './style.ts';

/** Device px per CSS px: with 2, figures have the size in px of the authors' figures at 150 dpi. */
const SCALE = 2;

export interface RenderedFigure {
  readonly svg: string;
  readonly png: Uint8Array;
}

/**
 * Draws a Vega-Lite figure as SVG and PNG from one layout. The same specification gives the same bytes.
 *
 * Vega measures text with the canvas that also draws the PNG, so that labels have enough space in both.
 */
export async function renderVegaLite(spec: TopLevelSpec): Promise<RenderedFigure> {
  registerFonts();
  const view = viewOf(spec);
  try {
    const svg = await view.toSVG();
    const canvas: unknown = await view.toCanvas(SCALE);
    if (!(canvas instanceof Canvas)) throw new Error('Vega drew on another canvas than @napi-rs/canvas');
    return { svg, png: withResolution(await canvas.encode('png')) };
  } finally {
    view.finalize();
  }
}

/** Draws a Vega-Lite figure only as SVG. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  registerFonts();
  const view = viewOf(spec);
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

function viewOf(spec: TopLevelSpec): View {
  return new View(parse(compile(printable(spec)).spec), { renderer: 'none' });
}

/**
 * Characters that names in a record may contain, but that end expressions of Vega (line separators) or are not allowed
 * in XML (control characters).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u2028\u2029]/g;

function printable(spec: TopLevelSpec): TopLevelSpec {
  return JSON.parse(
    JSON.stringify(spec, (_key, value: unknown) =>
      typeof value === 'string' ? value.replaceAll(UNPRINTABLE, ' ') : value,
    ),
  );
}
