import { Canvas } from 'canvas';
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { registerFonts } from './fonts.js';
/** Device px a CSS px: 2 gives the size in px of the authors' figures at 150 dpi. */
const SCALE = 2;
/**
 * Draws a Vega-Lite figure twice from one layout. The same specification gives the same bytes.
 *
 * Vega measures text with the canvas that also draws the PNG, so labels have the room that they need in both.
 */
export async function renderVegaLite(spec) {
    registerFonts();
    const view = new View(parse(compile(spec).spec), { renderer: 'none' });
    try {
        const svg = await view.toSVG();
        const canvas = await view.toCanvas(SCALE);
        if (!(canvas instanceof Canvas))
            throw new Error('Vega drew on another canvas than @napi-rs/canvas');
        return { svg, png: await canvas.encode('png') };
    }
    finally {
        view.finalize();
    }
}
/** Draws a Vega-Lite figure as SVG alone. */
export async function renderSvg(spec) {
    registerFonts();
    const view = new View(parse(compile(spec).spec), { renderer: 'none' });
    try {
        return await view.toSVG();
    }
    finally {
        view.finalize();
    }
}
