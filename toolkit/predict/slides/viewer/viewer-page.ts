import { type Html, html, jsonScript } from '../../../report/page/html.ts';
import type { LegendPart, ViewerLayer } from './viewer-layers.ts';

/** A slide of the page, as data for its script. */
export interface ShownSlide {
  readonly name: string;
  /** px of the largest level. */
  readonly width: number;
  readonly height: number;
  /** µm per px of the largest level, if known. */
  readonly mpp?: number;
  readonly layers: readonly {
    readonly id: ViewerLayer['id'];
    readonly format: string;
    readonly width: number;
    readonly height: number;
    readonly levels: number;
    /** See `WrittenZoom`. */
    readonly present: readonly string[];
  }[];
  readonly legend: readonly LegendPart[];
  readonly notes: readonly string[];
}

const SCRIPT = 'assets/slide-viewer.js';

/** Returns whether a page was written by this program or an earlier version of it. */
export function isViewerPage(text: string): boolean {
  return text.includes(`<script src="${SCRIPT}">`);
}

/** Renders the page of the viewer. Everything that it loads is in the same folder. */
export function viewerPage(slides: readonly ShownSlide[]): Html {
  const options = slides.map(({ name }, index) => html`<option value="${index}">${name}</option>`);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Slides: ${slides.map(({ name }) => name).join(', ')}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="assets/slide-viewer.css"></head><body>
<main id="stage" aria-label="Slide"></main>
<aside aria-label="Layers and legend">
<h1><label for="slide">Slide</label></h1><select id="slide">${options}</select>
<p id="about"></p>
<p class="warning" role="note">For research only, not for diagnosis: nothing here was validated for clinical use.</p>
<div class="buttons"><button type="button" id="closer">Zoom in <kbd>+</kbd></button><button type="button" id="farther">Zoom out <kbd>&#8722;</kbd></button><button type="button" id="all">Fit <kbd>0</kbd></button></div>
<fieldset><legend>Layers</legend><div id="layers"></div></fieldset>
<div id="legend"></div>
<details><summary>Notes</summary><ul id="notes"></ul></details>
<div id="scale" role="img" aria-label="Scale bar" hidden><div id="bar"></div><span id="length"></span></div>
</aside>
${jsonScript('slides', slides)}
<script src="assets/openseadragon.min.js"></script><script src="${SCRIPT}"></script></body></html>
`;
}
