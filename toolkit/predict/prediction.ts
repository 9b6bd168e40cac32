import { join } from 'node:path';
import type { LeftOut } from '../geojson/write-regions.ts';
import type { Precision } from '../onnx/session/engine-choice.ts';
import type { ClassArea } from './certainty.ts';
import type { RegionCells, TumourShare } from './slides/tumour-share.ts';

/** Choices that hold for all images of a prediction. */
export interface PredictionChoices {
  /** µm per px of the images, where it is known. */
  readonly mpp?: number;
  /** A level of a slide that is taken as it is. */
  readonly level?: number;
  /** Whether glass is computed too, of slides. */
  readonly everywhere?: boolean;
  /** Absolute path of the regions of slides in which cells are counted. */
  readonly regions?: string;
  /** Whether images are brought to the resolution of the models first. */
  readonly resample: boolean;
  /** Value of white in 16-bit samples; default: the largest that 16 bits hold. */
  readonly maxValue?: number;
  /** px by which outlines may be smoothed; 0 keeps the edges of the pixels. */
  readonly simplify: number;
  /** Regions of fewer px get no outline; masks and areas have them all. 0: every region gets one. */
  readonly minArea: number;
  /** Of cells: score above which a candidate is a cell. Default: that of the model's package, or of the paper. */
  readonly confidence?: number;
  /** Of cells: overlap above which the worse of two boxes goes. */
  readonly iou?: number;
  /** Of cells: side of the network's input in px. */
  readonly imgsz?: number;
  /** Of cells: whether the network sees an image in tiles, or all of it scaled to `imgsz`. */
  readonly fit?: 'tiles' | 'letterbox';
  /** Of cells: px by which tiles overlap. */
  readonly overlap?: number;
}

/** How many cells of a class there are. */
export interface ClassCount {
  readonly value: number;
  readonly name: string;
  readonly count: number;
  /** Missing where the size of a pixel is not known. */
  readonly perMm2?: number;
}

/** What one image came to. Paths are relative to the folder of the prediction. */
export interface ImagePrediction {
  /** The image as it was given. */
  readonly image: string;
  /** Name under which its files lie. */
  readonly name: string;
  /** SHA-256 of the file, of slides; missing in summaries of earlier versions. */
  readonly sha256?: string;
  readonly width: number;
  readonly height: number;
  readonly mpp?: number;
  /** Size at which the network saw it, where that is another one. */
  readonly resampledTo?: { readonly width: number; readonly height: number };
  readonly areas?: readonly ClassArea[];
  /** Outlines written. */
  readonly regions?: number;
  /** Regions that are too small for an outline. */
  readonly leftOut?: LeftOut;
  readonly cells?: number;
  /** Cells left out since they were found outside the image, in the padding of a tile. */
  readonly outside?: number;
  readonly counts?: readonly ClassCount[];
  /** Of cells on a slide: PD-L1 positive among all tumour cells, for research only. */
  readonly tumourProportion?: TumourShare;
  /** Of cells on a slide: what is in the regions that the user drew. */
  readonly ofRegions?: readonly RegionCells[];
  /** Of tissue, see `TissueCertainty`. */
  readonly medianConfidence?: number;
  readonly unclearShare?: number;
  /** Of cells, see `CellCertainty`. */
  readonly medianScore?: number;
  readonly weakCandidates?: number;
  readonly files: Readonly<Record<string, string>>;
  /** Whether the network's part was done before. */
  readonly cached: boolean;
  /** Key of the network's part in the cache; missing in summaries of earlier versions. */
  readonly key?: string;
  readonly provider: string;
  /** What the provider ran on; missing for the CPU. */
  readonly adapter?: string;
  readonly driver?: string;
  /** Missing means exact. */
  readonly engine?: 'fast';
  /** Of the fast engine: what its networks multiplied in. */
  readonly precision?: Precision;
  /** Of the fast engine on a GPU: tiles at once as configured, 0 by its memory. */
  readonly batchSize?: number;
  readonly seconds: number;
  /** What a reader of the numbers should know, one sentence each. */
  readonly notes: readonly string[];
}

/** Whether an image was predicted as a whole slide. */
export function isOfSlide({ files }: Pick<ImagePrediction, 'files'>): boolean {
  return files['mask']?.endsWith('.tif') === true || files['density'] !== undefined;
}

/** Where the files of one image are below the folder of a tissue prediction. */
export function tissueFiles(name: string) {
  return {
    mask: join('masks', `${name}.png`),
    coloured: join('coloured', `${name}.png`),
    margin: join('confidence', `${name}.png`),
    overlay: join('overlays', `${name}.png`),
    polygons: join('polygons', `${name}.geojson`),
  };
}

/** The same of a whole slide. */
export function slideTissueFiles(name: string) {
  return {
    mask: join('masks', `${name}.tif`),
    margin: join('confidence', `${name}.tif`),
    overlay: join('overlays', `${name}.png`),
    polygons: join('polygons', `${name}.geojson`),
    tissue: join('tissue', `${name}.png`),
    tissuePicture: join('tissue', `${name}.overview.png`),
  };
}

/** The same of a prediction of cells. */
export function cellFiles(name: string) {
  return {
    points: join('points', `${name}.npy`),
    table: join('points', `${name}.csv`),
    geojson: join('points', `${name}.geojson`),
    candidates: join('candidates', `${name}.json`),
    overlay: join('overlays', `${name}.png`),
  };
}

/** The same of the cells of a whole slide. */
export function slideCellFiles(name: string) {
  return {
    points: join('points', `${name}.npy`),
    table: join('points', `${name}.csv`),
    geojson: join('points', `${name}.geojson`),
    overlay: join('overlays', `${name}.png`),
    density: join('density', `${name}.csv`),
    regions: join('regions', `${name}.csv`),
    tissue: join('tissue', `${name}.png`),
    tissuePicture: join('tissue', `${name}.overview.png`),
  };
}

/** Where the density map of one class lies, by the number of the class. */
export function densityFile(name: string, label: number): string {
  return join('density', `${name}.${label}.png`);
}
