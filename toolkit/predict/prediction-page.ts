import { basename, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { CELL_TASKS, TASK_TITLES, type Task } from '../../config/tasks.ts';
import { mapConcurrent } from '../concurrency.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { fileExists } from '../files/file-access.ts';
import { counted, grouped } from '../format.ts';
import { imageSize, MAX_PIXELS } from '../image/open-image.ts';
import { drawCellsLayers } from '../report/layers/cells-layers.ts';
import {
  type DrawnRoi,
  drawLayers,
  EDGES,
  MAX_VIEWED,
  type RoiLayers,
  readLayersFile,
  SHARES,
} from '../report/layers/draw-layers.ts';
import { openPhoto, sizeWithin } from '../report/layers/encode-layer.ts';
import { pictureOf } from '../report/page/gallery.ts';
import { type Html, hrefOf, html, NOTHING, table } from '../report/page/html.ts';
import { type StandalonePage, writeStandalonePage } from '../report/write-page.ts';
import { reportFolder } from '../results/results-folder.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { ImagePrediction } from './prediction.ts';
import { type PredictionSummary, withRelativePaths } from './prediction-summary.ts';

/** If there are more tables of numbers, one per image, they are collapsed. */
const MANY_TABLES = 4;
/** Longer side of the picture of an image without layers, px. */
const PICTURE_EDGE = 800;
const MAX_CLASSES = 5;
/** Pictures that are drawn at the same time. */
const MAX_CONCURRENT = 2;

/**
 * Writes report/index.html of a prediction folder, with numbers, warnings and the images with their predictions.
 *
 * @param summary - Summary of the whole folder.
 * @param version - Version of this package.
 */
export async function writePredictionPage(
  out: string,
  summary: PredictionSummary,
  version: string,
  signal?: AbortSignal,
): Promise<void> {
  const { task, images, failures } = summary;
  const shown = images.slice(-MAX_VIEWED);
  const rois = shown.flatMap((image) => layersOf(out, task, image) ?? []);
  const layers = await drawLayers(out, rois, { known: await readLayersFile(out), signal });
  const files = new Map(layers.map((each) => [each.roi, each.files]));
  const cards = await mapConcurrent(shown, MAX_CONCURRENT, signal, async (image) =>
    cardOf(task, image, await pictureIn(out, task, image, files)),
  );
  const left = images.length - shown.length;
  await writeStandalonePage(out, {
    title: `${TASK_TITLES[task]}: ${counted(images.length, 'image')}`,
    question: TASK_TITLES[task],
    answer: `${counted(images.length, 'image')} predicted${failures.length === 0 ? '' : `, ${failures.length} failed`}.`,
    tone: failures.length === 0 ? 'not comparable' : 'differs',
    lead: html`These are predictions of a model. They have not been checked: look at the images before you use the numbers.`,
    links: [
      ['images', 'Images'],
      ['numbers', 'Numbers'],
      ['made', 'Model and settings'],
    ],
    isSynthetic: false,
    main: html`${notesOf(images)}${failuresOf(withRelativePaths(out, summary))}
<section><h2 id="images">Images</h2><ul class="gallery" aria-label="Images">${cards}</ul>${left === 0 ? NOTHING : html`<p class="note">${counted(left, 'earlier image')} not shown; all are in summary.json.</p>`}</section>
<section><h2 id="numbers">Numbers</h2>${numbersOf(images)}</section>
<section><h2 id="made">Model and settings</h2>${factsOf(summary)}</section>`,
    footer: `Written by reignite ${version}. All numbers: summary.json and ${taskNamed(task).predictionTable}.`,
    viewed: { words: { [task]: wordsOf(task) }, rois: layers.map((each) => viewedOf(each, shown)) },
  });
}

/** Lists the notes. A note on several images is listed once. */
function notesOf(images: readonly ImagePrediction[]): Html {
  const saidOf = new Map<string, string[]>();
  for (const { name, notes } of images) {
    for (const note of notes) saidOf.set(note, [...(saidOf.get(note) ?? []), name]);
  }
  if (saidOf.size === 0) return NOTHING;
  const items = [...saidOf].map(([note, [first = '', ...others]]) => {
    if (others.length + 1 === images.length) return html`<li>${note}</li>`;
    const rest = others.length === 0 ? '' : ` and ${counted(others.length, 'other image')}`;
    return html`<li><strong>${first}</strong>${rest}: ${note}</li>`;
  });
  return html`<section aria-label="Notes"><h2>What to know about these numbers</h2><ul>${items}</ul></section>`;
}

function failuresOf({ failures }: PredictionSummary): Html {
  if (failures.length === 0) return NOTHING;
  const items = failures.map(({ code, cause, remedy }) => html`<li><strong>${code}</strong>: ${cause} ${remedy}</li>`);
  return html`<section aria-label="Failures"><h2>Not predicted</h2><ul>${items}</ul></section>`;
}

function numbersOf(images: readonly ImagePrediction[]): Html {
  const tables = images.flatMap(({ name, areas = [], counts = [] }) => [
    ...(areas.length === 0 ? [] : [areasTable(name, areas)]),
    ...(counts.length === 0 ? [] : [countsTable(name, counts)]),
  ]);
  return tables.length > MANY_TABLES
    ? html`<details><summary>${counted(tables.length, 'image')}</summary>${tables}</details>`
    : html`${tables}`;
}

function areasTable(name: string, areas: NonNullable<ImagePrediction['areas']>): Html {
  const isSized = areas.some(({ mm2 }) => mm2 !== undefined);
  const rows = areas.map((each) => [
    each.name,
    grouped(each.pixels),
    percent(each.share),
    ...(isSized ? [each.mm2?.toFixed(4) ?? '–'] : []),
  ]);
  return table(`${name}: area of each label`, ['', 'pixels', 'share', ...(isSized ? ['mm²'] : [])], rows);
}

function countsTable(name: string, counts: NonNullable<ImagePrediction['counts']>): Html {
  const isSized = counts.some(({ perMm2 }) => perMm2 !== undefined);
  const rows = counts.map((each) => [
    each.name,
    grouped(each.count),
    ...(isSized ? [each.perMm2?.toFixed(1) ?? '–'] : []),
  ]);
  return table(`${name}: cells of each class`, ['', 'cells', ...(isSized ? ['per mm²'] : [])], rows);
}

function factsOf({ model, settings }: PredictionSummary): Html {
  const { path, digest, folds, family, trainer, plans } = model;
  const known = { model: basename(path), digest, folds: folds?.join(', '), family, trainer, plans, ...settings };
  const items = Object.entries(known).flatMap(([name, value]) =>
    value === undefined ? [] : [html`<dt>${name}</dt><dd>${String(value)}</dd>`],
  );
  return html`<dl class="facts">${items}</dl>`;
}

function cardOf(task: Task, image: ImagePrediction, picture: Html): Html {
  const { name, width, height, mpp } = image;
  const size = `${width} × ${height} px${mpp === undefined ? '' : `, ${mpp} µm/px`}`;
  const found = taskNamed(task).viewer.isMask ? areasIn(image) : countsIn(image);
  return html`<li data-roi="${name}">${picture}<div class="about"><strong>${name}</strong><br>${size}${found.map((line) => html`<br>${line}`)}</div></li>`;
}

function areasIn({ areas = [] }: ImagePrediction): readonly string[] {
  const largest = areas.filter(({ share }) => share > 0).sort((a, b) => b.share - a.share);
  return largest.slice(0, MAX_CLASSES).map(({ name, share }) => `${name} ${percent(share)}`);
}

function countsIn({ cells, counts = [], tumourProportion }: ImagePrediction): readonly string[] {
  const found = counts.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
  const share = tumourProportion?.percent;
  return [
    ...(cells === undefined ? [] : [counted(cells, 'cell')]),
    ...found.slice(0, MAX_CLASSES).map(({ name, count }) => `${name} ${count}`),
    ...(share === undefined || share === null ? [] : [`tumour proportion ${share.toFixed(1)} %`]),
  ];
}

/** Returns the layers for the viewer, or else a smaller copy of the overlay. */
async function pictureIn(
  out: string,
  task: Task,
  { name, files: { overlay } }: ImagePrediction,
  files: ReadonlyMap<string, RoiLayers['files']>,
): Promise<Html> {
  const layers = files.get(name);
  if (layers !== undefined) return pictureOf(task, name, layers);
  if (overlay === undefined || !(await fileExists(join(out, overlay)))) return NOTHING;
  const file = `assets/${task}/${name}/overlay.webp`;
  const small = open(join(out, overlay)).resize({ width: PICTURE_EDGE, height: PICTURE_EDGE, fit: 'inside' });
  await writeFileAtomic(join(reportFolder(out), file), await small.webp().toBuffer());
  return html`<a class="stack" href="${hrefOf(`../${overlay}`)}"><img loading="lazy" src="${hrefOf(file)}" alt="${name}: prediction over the image"></a>`;
}

/** Returns how the layers of an image are drawn; undefined for a slide, which has an overview instead. */
function layersOf(out: string, task: Task, { image, name, files, counts }: ImagePrediction): DrawnRoi | undefined {
  const { coloured, points, candidates } = files;
  const cells = CELL_TASKS.find((each) => each === task);
  if (cells !== undefined && points !== undefined && candidates !== undefined) {
    const sides = { image, published: '', ours: join(out, points) };
    return {
      ...{ task, roi: name, sources: [image, sides.ours], settings: 'prediction' },
      draw: (limit, writer) =>
        drawCellsLayers({ task: cells, ...sides, readers: [], maxDistance: 0, classes: counts?.length }, limit, writer),
    };
  }
  if (coloured === undefined) return undefined;
  const mask = join(out, coloured);
  return {
    ...{ task, roi: name, sources: [image, mask], settings: 'prediction' },
    draw: async (limit, writer) => {
      const size = await imageSize(mask);
      const longest = Math.max(size.width, size.height);
      const photo = await openPhoto(image, EDGES[0]);
      await writer.writeImage('image', limit * SHARES.image, longest, photo);
      await writer.writeImage('ours', limit * SHARES.mask, longest, (edge) =>
        open(mask)
          .resize({ ...sizeWithin(size, edge), fit: 'fill', kernel: 'nearest' })
          .webp({ lossless: true })
          .toBuffer(),
      );
      return { ...size, classes: [], spots: [] };
    },
  };
}

/** Opens an image that this package wrote, of any size that can be predicted. */
function open(path: string): Sharp {
  return sharp(path, { limitInputPixels: MAX_PIXELS });
}

function viewedOf(layers: RoiLayers, images: readonly ImagePrediction[]): StandalonePage['viewed']['rois'][number] {
  const image = images.find(({ name }) => name === layers.roi);
  const about = image === undefined ? [] : [...areasIn(image), ...countsIn(image)];
  // There is nothing to compare with, so the texts of a comparison are empty.
  return { ...layers, classes: [], notes: [], verdict: 'not comparable', said: '', about: about.join(', ') };
}

function wordsOf(task: Task) {
  const { viewer } = taskNamed(task);
  const layers = { image: 'Image', truth: '', published: '', ours: 'Prediction', margin: '', differ: '' };
  return { ...viewer, sides: ['', 'prediction'], layers };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
