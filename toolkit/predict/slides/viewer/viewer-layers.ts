import { join } from 'node:path';
import { ReigniteError } from '../../../errors.ts';
import { MODEL_MPP } from '../../../model-resolution.ts';
import { cellClasses } from '../../../models/class-colours.ts';
import { readNpy } from '../../../numpy/npy.ts';
import { LabelPyramid } from '../../../slide/read/label-pyramid.ts';
import { Slide } from '../../../slide/read/slide.ts';
import { SlideView } from '../../../slide/read/slide-view.ts';
import type { ZoomLayer } from '../../../slide/write/deep-zoom.ts';
import { cellsLayer, type PlacedCells } from './cells-layer.ts';
import { classesLayer, confidenceLayer } from './label-layers.ts';
import { slideLayer } from './slide-layer.ts';
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
