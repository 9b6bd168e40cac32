import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { ReigniteError } from '../../errors.ts';
import { indexedPng } from '../../image/encode-png.ts';
import { cellClasses } from '../../models/class-colours.ts';
import { NOT_PREDICTED } from '../../nnunet/sliding-window/tile-grid.ts';
import { readNpy } from '../../numpy.ts';
import { pyramidSizes, ZOOM_TILE, type ZoomLayer, type ZoomTile, zoomTilePath } from '../../slide/deep-zoom.ts';
import { LabelPyramid } from '../../slide/read/label-pyramid.ts';
import { Slide } from '../../slide/read/slide.ts';
import { MODEL_MPP } from '../../slide/read/slide-resolution.ts';
import { SlideView } from '../../slide/read/slide-view.ts';
import { cellsLayer, type PlacedCells } from './cells-layer.ts';
import { pathOf, type SlidePrediction, type ViewedSlide } from './viewed-slides.ts';

/** A layer of the viewer. */
export interface ViewerLayer {
  /** Also the name of the folder of its tiles. */
  readonly id: 'slide' | 'classes' | 'confidence' | 'cells';
  readonly zoom: ZoomLayer;
}

/** A slide whose layers can be written. */
export interface OpenSlideLayers {
  /** px of the largest level. */
  readonly width: number;
  readonly height: number;
  /** µm per px of the largest level, if known. */
  readonly mpp?: number;
  readonly layers: readonly ViewerLayer[];
  readonly legend: readonly LegendPart[];
}

/** Classes and colours of one layer. */
export interface LegendPart {
  readonly layer: ViewerLayer['id'];
  readonly classes: readonly { readonly name: string; readonly colour: string; readonly amount: string }[];
}

interface LayerOptions {
  /** Folder of the slide's tiles, with one subfolder per layer. */
  readonly folder: string;
  /** Whether to show the slide at its full resolution instead of that of the network. */
  readonly isFull: boolean;
}

/**
 * Opens the files from which the layers of a slide are made.
 *
 * @param use - Called with the layers. The files are closed afterwards.
 * @throws ReigniteError if a slide or prediction cannot be read; PREDICTION_CONFLICT if the slide is not of the same size
 *   as the predicted one.
 */
export async function withLayers<Result>(
  viewed: ViewedSlide,
  { folder, isFull }: LayerOptions,
  use: (open: OpenSlideLayers) => Promise<Result>,
): Promise<Result> {
  const slide = await Slide.open(viewed.path);
  const opened: { close(): Promise<void> }[] = [slide];
  try {
    refuseOtherSize(viewed, slide);
    const view = SlideView.choose(slide, isFull ? { ...viewed.choice, level: 0 } : viewed.choice, MODEL_MPP);
    const mpp = viewed.choice.mpp ?? slide.scale.resolution?.mpp;
    const layers: ViewerLayer[] = [{ id: 'slide', zoom: slideLayer(view, join(folder, 'slide')) }];
    const legend: LegendPart[] = [];
    if (viewed.tissue !== undefined) {
      const [mask, confidence] = [pathOf(viewed.tissue, 'mask'), pathOf(viewed.tissue, 'margin')];
      const masks = await LabelPyramid.open(mask);
      opened.push(masks);
      const confidences = await LabelPyramid.open(confidence);
      opened.push(confidences);
      layers.push({ id: 'classes', zoom: classesLayer(masks) });
      layers.push({ id: 'confidence', zoom: confidenceLayer(confidences, masks) });
      legend.push({ layer: 'classes', classes: classesOf(viewed.tissue, masks) });
    }
    if (viewed.cells !== undefined) {
      const classes = cellClasses((viewed.cells.image.counts ?? []).map(({ name }) => name));
      const cells = await placedCells(pathOf(viewed.cells, 'points'), view.scale);
      const colours = classes.map(({ color }) => color);
      layers.push({ id: 'cells', zoom: cellsLayer(cells, view, colours) });
      legend.push({ layer: 'cells', classes: cellsOf(viewed.cells, colours) });
    }
    const { width, height } = slide;
    return await use({ width, height, ...(mpp !== undefined && { mpp }), layers, legend });
  } finally {
    for (const each of opened) await each.close();
  }
}

/** Refuses a slide of another size, because predictions drawn over the wrong slide would look like a result. */
function refuseOtherSize({ path, tissue, cells }: ViewedSlide, { width, height }: Slide): void {
  for (const { folder, image } of [tissue, cells].filter((each) => each !== undefined)) {
    if (image.width === width && image.height === height) continue;
    throw new ReigniteError(
      'PREDICTION_CONFLICT',
      `${path} is ${width} x ${height} px, but ${folder} is for a slide of ${image.width} x ${image.height} px.`,
      { remedy: 'Use `--slides` to name the folder that holds the predicted slides.' },
    );
  }
}

/** Reads the cells of a prediction and converts them to px of the view. */
async function placedCells(path: string, scale: number): Promise<PlacedCells> {
  const { data } = await readNpy(path);
  const placed = new Float32Array(data.length);
  for (const [at, value] of data.entries()) placed[at] = at % 3 === 2 ? Number(value) : Number(value) / scale;
  return placed;
}

function classesOf({ image }: SlidePrediction, mask: LabelPyramid): LegendPart['classes'] {
  return (image.areas ?? []).flatMap(({ value, name, share, mm2 }) => {
    const size = mm2 === undefined ? '' : `, ${mm2.toFixed(2)} mm²`;
    const amount = `${(100 * share).toFixed(1)} %${size}`;
    return value === 0 ? [] : [{ name, colour: hexOf(mask.palette?.[value] ?? [0, 0, 0]), amount }];
  });
}

function cellsOf({ image }: SlidePrediction, colours: readonly (readonly [number, number, number])[]) {
  return (image.counts ?? []).map(({ name, count }, index) => {
    return { name, colour: hexOf(colours[index] ?? [0, 0, 0]), amount: count.toLocaleString('en') };
  });
}

function hexOf(colour: readonly [number, number, number]): string {
  return `#${colour.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}

const VALUES = 256;
const OPAQUE = 255;
const TRANSPARENT = [0, 0, 0, 0] as const;
/** Colour of low confidence, as in the report: the lower the confidence, the more opaque. */
const UNCLEAR = [0, 20, 90] as const;

/** Makes a layer of the classes in their colours. Colours are never blended, and label 0 is not drawn. */
function classesLayer(mask: LabelPyramid): ZoomLayer {
  const palette = Array.from({ length: VALUES }, (_, value) => {
    const isDrawn = value !== 0 && value !== NOT_PREDICTED;
    const [red, green, blue] = mask.palette?.[value] ?? [0, 0, 0];
    return isDrawn ? ([red, green, blue, OPAQUE] as const) : TRANSPARENT;
  });
  return {
    format: 'png',
    levels: pyramidSizes(mask.levels[0] ?? { width: 1, height: 1 }, ZOOM_TILE),
    async encode(tile) {
      const data = await valuesOf(mask, tile);
      if (data.every((value) => value === 0 || value === NOT_PREDICTED)) return undefined;
      return indexedPng({ width: tile.width, height: tile.height, data }, palette);
    },
  };
}

/** Makes a layer of low confidence. It is transparent where the confidence is high and where nothing was predicted. */
function confidenceLayer(confidence: LabelPyramid, mask: LabelPyramid): ZoomLayer {
  const palette = Array.from({ length: VALUES }, (_, value) => {
    const opacity = Math.round((1 - value / OPAQUE) ** 2 * OPAQUE);
    return [...UNCLEAR, opacity] as const;
  });
  return {
    format: 'png',
    levels: pyramidSizes(confidence.levels[0] ?? { width: 1, height: 1 }, ZOOM_TILE),
    async encode(tile) {
      const [data, labels] = await Promise.all([valuesOf(confidence, tile), valuesOf(mask, tile)]);
      for (const [at, label] of labels.entries()) if (label === NOT_PREDICTED) data[at] = OPAQUE;
      if (data.every((value) => value === OPAQUE)) return undefined;
      return indexedPng({ width: tile.width, height: tile.height, data }, palette);
    },
  };
}

/** Reads the values of a tile. Levels smaller than those of the file take the upper left of every four pixels, as it does. */
async function valuesOf(pyramid: LabelPyramid, { level, left, top, width, height }: ZoomTile): Promise<Uint8Array> {
  const last = pyramid.levels.length - 1;
  if (level <= last) return pyramid.read(level, left, top, width, height);
  const size = pyramid.levels[last] ?? { width: 1, height: 1 };
  const whole = await pyramid.read(last, 0, 0, size.width, size.height);
  const step = 2 ** (level - last);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * step * size.width + left * step;
    for (let x = 0; x < width; x++) data[y * width + x] = whole[from + x * step] ?? 0;
  }
  return data;
}

const QUALITY = 80;
const WHITE = 255;

/**
 * Makes a layer of JPEG tiles of the slide. A tile of a smaller level is made from the four files of the next larger one,
 * so it is the same after an interruption, and memory does not grow with the slide.
 *
 * @param folder - Folder to which the tiles of this layer are written.
 */
function slideLayer(view: SlideView, folder: string): ZoomLayer {
  const levels = pyramidSizes(view, ZOOM_TILE);
  const layer: ZoomLayer = {
    format: 'jpg',
    levels,
    async encode(tile) {
      const { left, top, width, height } = tile;
      const pixels = tile.level === 0 ? await view.read(left, top, width, height) : await halved(layer, folder, tile);
      return sharp(pixels, { raw: { width, height, channels: 3 } })
        .jpeg({ quality: QUALITY })
        .toBuffer();
    },
  };
  return layer;
}

/** Joins the four tiles of the next larger level and halves their size. */
async function halved(layer: ZoomLayer, folder: string, { level, column, row, width, height }: ZoomTile) {
  const finer = layer.levels[level - 1] ?? { width: 0, height: 0 };
  const below = [0, 1, 2, 3].flatMap((part) => {
    const at = { level: level - 1, column: 2 * column + (part % 2), row: 2 * row + (part >> 1) };
    const [left, top] = [at.column * ZOOM_TILE, at.row * ZOOM_TILE];
    if (left >= finer.width || top >= finer.height) return [];
    const size = { width: Math.min(ZOOM_TILE, finer.width - left), height: Math.min(ZOOM_TILE, finer.height - top) };
    return [{ ...at, ...size, top: (part >> 1) * ZOOM_TILE, left: (part % 2) * ZOOM_TILE }];
  });
  const whole = { width: 2 * width, height: 2 * height };
  const pixels = new Uint8Array(whole.width * whole.height * 3).fill(WHITE);
  for (const part of below) {
    const jpeg = await readFile(join(folder, zoomTilePath(layer, part)));
    const data = await sharp(jpeg).raw().toBuffer();
    for (let y = 0; y < part.height; y++) {
      const line = data.subarray(3 * y * part.width, 3 * (y + 1) * part.width);
      pixels.set(line, 3 * ((part.top + y) * whole.width + part.left));
    }
  }
  repeatBorder(pixels, whole, below);
  return sharp(pixels, { raw: { ...whole, channels: 3 } })
    .resize({ width, height, fit: 'fill', kernel: 'linear' })
    .raw()
    .toBuffer();
}

/** Repeats the last row and column of a level of odd size, so that no white is blended in at the border. */
function repeatBorder(
  pixels: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  parts: readonly { readonly left: number; readonly top: number; readonly width: number; readonly height: number }[],
): void {
  const right = Math.max(...parts.map((part) => part.left + part.width));
  const bottom = Math.max(...parts.map((part) => part.top + part.height));
  for (let y = 0; right < width && y < bottom; y++) {
    const last = 3 * (y * width + right - 1);
    pixels.copyWithin(last + 3, last, last + 3);
  }
  for (let y = bottom; y < height; y++) pixels.copyWithin(3 * y * width, 3 * (bottom - 1) * width, 3 * bottom * width);
}
