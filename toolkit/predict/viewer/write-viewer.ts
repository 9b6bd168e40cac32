import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { packageFile } from '../../../config/package-files.ts';
import { ReigniteError } from '../../errors.ts';
import { sweepTemporaries, writeFileAtomic } from '../../files/atomic-write.ts';
import { codeOf, hasCode, readTextIfThere } from '../../files/file-access.ts';
import { makeFolder } from '../../files/folders.ts';
import { lockFile } from '../../files/lease.ts';
import { ensureFreeSpace } from '../../files/suitable-file-system.ts';
import { readJsonIfValid } from '../../files/text-file.ts';
import { type Html, html, jsonScript } from '../../report/page/html.ts';
import { expectedBytes, writeDeepZoom, zoomTiles } from '../../slide/deep-zoom.ts';
import { pathOf, type ViewedSlide } from './viewed-slides.ts';
import { type LegendPart, type OpenSlideLayers, type ViewerLayer, withLayers } from './viewer-layers.ts';

/** Raised whenever a change gives other tiles for the same slide. */
const SCHEMA = 1;
/** Next to the page: contains one folder per slide. */
const TILES = 'tiles';
/** In the folder of a slide: lists what its tiles were made from. */
const SOURCES_FILE = 'sources.json';
const STATIC = ['slide-viewer.css', 'slide-viewer.js'] as const;
const OPENSEADRAGON = 'openseadragon/build/openseadragon/openseadragon.min.js';

/** Estimate of what will be written for one slide. */
export interface ViewerPlan {
  readonly name: string;
  /** Number of tiles, including empty ones, which are not written. */
  readonly tiles: number;
  /** Estimated from a sample of the tiles. */
  readonly bytes: number;
}

export interface ViewerOptions {
  /** Absolute path of the folder of the page, which contains nothing else. */
  readonly out: string;
  /** Whether to show slides at full resolution instead of that of the network. */
  readonly isFull: boolean;
  readonly signal?: AbortSignal;
}

export interface ViewerProgress {
  readonly name: string;
  readonly layer: ViewerLayer['id'];
  readonly tile: number;
  readonly of: number;
}

/** Estimates how much would be written, from a sample of the tiles of every layer. Writes nothing. */
export async function planViewer(
  slides: readonly ViewedSlide[],
  { out, isFull, signal }: ViewerOptions,
): Promise<readonly ViewerPlan[]> {
  const plans: ViewerPlan[] = [];
  for (const viewed of slides) {
    const { name } = viewed;
    const plan = await withLayers(viewed, { folder: join(out, TILES, name), isFull }, async ({ layers }) => {
      let [tiles, bytes] = [0, 0];
      for (const { zoom } of layers) {
        tiles += zoomTiles(zoom).length;
        bytes += await expectedBytes(zoom, signal);
      }
      return { name, tiles, bytes };
    });
    plans.push(plan);
  }
  return plans;
}

/**
 * Writes a page that shows slides and their predictions with deep zoom, and works offline. Existing tiles are kept, so
 * after an interruption the next call writes the rest. The page itself is written last.
 *
 * @param plans - Result of `planViewer`.
 * @returns The absolute path of the page, and the number of tiles that were written.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE, RESULTS_IN_USE; PREDICTION_CONFLICT if the folder of a slide contains other
 *   files or the page was written by another program; the errors of `withLayers`; the signal's reason.
 */
export async function writeViewer(
  slides: readonly ViewedSlide[],
  plans: readonly ViewerPlan[],
  options: ViewerOptions,
  onProgress: (progress: ViewerProgress) => void = () => undefined,
): Promise<{ readonly page: string; readonly made: number }> {
  const { out } = options;
  await makeFolder(out);
  const lock = await lockFile(join(out, '.lock'), `The viewer ${out}`, {
    held: { code: 'RESULTS_IN_USE', remedy: 'Wait for the other command.' },
  });
  const { signal: stop } = options;
  const signal = stop === undefined ? lock.lost : AbortSignal.any([stop, lock.lost]);
  try {
    const page = join(out, 'index.html');
    await refuseForeignPage(page);
    for (const { name } of slides) await refuseForeign(join(out, TILES, name));
    const shown: ShownSlide[] = [];
    let made = 0;
    for (const [index, viewed] of slides.entries()) {
      const written = await writeSlide(viewed, plans[index]?.bytes ?? 0, { ...options, signal }, onProgress);
      shown.push(written.shown);
      made += written.made;
    }
    await writeAssets(join(out, 'assets'));
    await writeFileAtomic(page, String(viewerPage(shown)));
    return { page, made };
  } finally {
    await lock.release();
  }
}

async function writeSlide(
  viewed: ViewedSlide,
  bytes: number,
  { out, isFull, signal }: ViewerOptions,
  onProgress: (progress: ViewerProgress) => void,
): Promise<{ readonly shown: ShownSlide; readonly made: number }> {
  const { name } = viewed;
  const folder = join(out, TILES, name);
  await forgetOthers(folder, await sourcesOf(viewed, isFull), () => ensureFreeSpace(out, bytes));
  return withLayers(viewed, { folder, isFull }, async (open) => {
    const layers: ShownSlide['layers'][number][] = [];
    let made = 0;
    for (const { id, zoom } of open.layers) {
      const of = zoomTiles(zoom).length;
      let tile = 0;
      const written = await writeDeepZoom(join(folder, id), zoom, {
        ...(signal && { signal }),
        onTile: () => onProgress({ name, layer: id, tile: ++tile, of }),
      });
      made += written.made;
      const [{ width, height } = { width: 1, height: 1 }] = zoom.levels;
      layers.push({ id, format: zoom.format, width, height, levels: zoom.levels.length, present: written.present });
    }
    return { shown: { ...describedSlide(viewed, open), layers }, made };
  });
}

function describedSlide({ name, tissue, cells }: ViewedSlide, { width, height, mpp, legend }: OpenSlideLayers) {
  const notes = new Set([...(tissue?.image.notes ?? []), ...(cells?.image.notes ?? [])]);
  return { name, width, height, ...(mpp !== undefined && { mpp }), legend, notes: [...notes] };
}

/** Schema of `sources.json`, also of earlier versions. */
const Sources = z.object({
  schema: z.int(),
  isFull: z.boolean(),
  choice: z.object({}),
  files: z.array(z.object({ file: z.string(), size: z.number(), mtimeMs: z.number() })),
});

/** Describes what the tiles depend on. Files are compared by size and time, because hashing a slide takes long. */
async function sourcesOf({ path, tissue, cells, choice }: ViewedSlide, isFull: boolean): Promise<string> {
  const files = [
    path,
    ...(tissue === undefined ? [] : [pathOf(tissue, 'mask'), pathOf(tissue, 'margin')]),
    ...(cells === undefined ? [] : [pathOf(cells, 'points')]),
  ];
  // Only base names: the folder may be given to others and must not reveal where the files were.
  const described = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(file);
      return { file: basename(file), size, mtimeMs };
    }),
  );
  return `${JSON.stringify({ schema: SCHEMA, isFull, choice, files: described }, null, 1)}\n`;
}

/** Throws if the page exists and was not written by the viewer. */
async function refuseForeignPage(page: string): Promise<void> {
  const text = await readTextIfThere(page);
  if (text === undefined || isViewerPage(text)) return;
  throw new ReigniteError('PREDICTION_CONFLICT', `${page} was not written by the viewer, which would overwrite it.`, {
    remedy: 'Name another folder with `--out`, or move that file away.',
  });
}

/** Throws unless a folder is empty or contains tiles of a viewer. */
async function refuseForeign(folder: string): Promise<void> {
  // If the first write was interrupted, the folder contains only its temporary file.
  await sweepTemporaries(folder, { sole: true, of: (name) => name === SOURCES_FILE });
  const isEmpty = (await namesIn(folder)).length === 0;
  if (isEmpty || (await readJsonIfValid(join(folder, SOURCES_FILE), Sources)) !== undefined) return;
  throw new ReigniteError(
    'PREDICTION_CONFLICT',
    `${folder} contains files, but no valid ${SOURCES_FILE}: it was not written by the viewer.`,
    { remedy: 'Name another folder with `--out`, or move that folder away.' },
  );
}

/** Removes tiles that were made from other sources. */
async function forgetOthers(folder: string, sources: string, beforeFirst: () => Promise<void>): Promise<void> {
  const path = join(folder, SOURCES_FILE);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known === sources) {
    await sweepTemporaries(folder, { sole: true });
    return;
  }
  await refuseForeign(folder);
  // The old sources are replaced last, so that after an interruption the folder is still recognised as one of tiles.
  const others = (await namesIn(folder)).filter((name) => name !== SOURCES_FILE);
  for (const name of others) await rm(join(folder, name), { recursive: true, force: true });
  await beforeFirst();
  await writeFileAtomic(path, sources);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw new ReigniteError('NOT_WRITABLE', `${folder} cannot be used as a folder (${codeOf(error) ?? 'unknown'}).`, {
      cause: error,
      remedy: 'Name another folder with `--out`, or move that one away.',
    });
  }
}

async function writeAssets(folder: string): Promise<void> {
  for (const name of STATIC) {
    const content = await readFile(packageFile(`toolkit/predict/viewer/static/${name}`));
    await writeFileAtomic(join(folder, name), content);
  }
  const library = await readFile(createRequire(import.meta.url).resolve(OPENSEADRAGON));
  await writeFileAtomic(join(folder, 'openseadragon.min.js'), library);
}

/** A slide of the page, as data for its script. */
interface ShownSlide {
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
function isViewerPage(text: string): boolean {
  return text.includes(`<script src="${SCRIPT}">`);
}

/** Renders the page of the viewer. Everything that it loads is in the same folder. */
function viewerPage(slides: readonly ShownSlide[]): Html {
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
