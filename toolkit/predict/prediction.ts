import { join } from 'node:path';
import { z } from 'zod';
import type { Task } from '../../config/tasks.ts';
import type { InferenceGuard } from '../cache/make.ts';
import type { StepCache } from '../cache/step-cache.ts';
import type { HomeFolders } from '../files/folders.ts';
import type { LeftOut } from '../geojson/write-features.ts';
import { FoldName } from '../nnunet/model-card.ts';
import type {
  EnsembleOptions,
  RoiSegmenter,
  SlideProgress,
  SlideSegmenter,
} from '../nnunet/sliding-window/roi-segmenter.ts';
import type { Precision } from '../onnx/session/engine-choice.ts';
import type { StripRows } from '../slide/infer/tiled-slide.ts';
import type { CellDetector, SlideCellsProgress, SlideDetector } from '../yolo/detect/cell-detector.ts';

/** Options that apply to all images of a prediction. */
export interface PredictionChoices {
  /** µm per px of the images, if known. */
  readonly mpp?: number;
  /** A level of slides to use without resampling. */
  readonly level?: number;
  /** Whether to predict the glass of slides too. */
  readonly everywhere?: boolean;
  /** Absolute path of a file with regions of slides, in which cells are counted. */
  readonly regions?: string;
  /** Whether to resample images to the pixel size of the models. */
  readonly resample: boolean;
  /** Value of white in 16-bit samples. Default: 65535. */
  readonly maxValue?: number;
  /** Tolerance of smoothing outlines, px. 0 keeps the pixel edges. */
  readonly simplify: number;
  /** Regions with fewer pixels get no outline, but are part of masks and areas. 0 outlines every region. */
  readonly minArea: number;
  /** Cells only: detection score that a cell must exceed. Default: that of the model's package, or of the paper. */
  readonly confidence?: number;
  /** Cells only: overlap of two boxes above which the one with the lower detection score is dropped. */
  readonly iou?: number;
  /** Cells only: side of the network's input, px. */
  readonly imgsz?: number;
  /** Cells only: whether the network sees an image in tiles, or the whole image scaled to `imgsz`. */
  readonly fit?: 'tiles' | 'letterbox';
  /** Cells only: px by which tiles overlap. */
  readonly overlap?: number;
}

/** Area of one class in an image. */
export interface ClassArea {
  readonly value: number;
  readonly name: string;
  readonly pixels: number;
  /** Share of the image, 0 to 1. */
  readonly share: number;
  /** Missing if the pixel size is unknown. */
  readonly mm2?: number;
}

/** Number of cells of one class. */
export interface ClassCount {
  readonly value: number;
  readonly name: string;
  readonly count: number;
  /** Missing if the pixel size is unknown. */
  readonly perMm2?: number;
}

/** PD-L1 positive tumour cells among all tumour cells, for research only. */
export interface TumourShare {
  readonly positive: number;
  readonly negative: number;
  /** 0 to 100; null without tumour cells. */
  readonly percent: number | null;
}

/** The cells of a region that the user drew. */
export interface RegionCells {
  readonly name: string;
  /** Missing if the pixel size is unknown. */
  readonly mm2?: number;
  /** Number of cells per class, by class number. */
  readonly counts: readonly number[];
  readonly tumour?: TumourShare;
}

/** Prediction of one image. Paths are relative to the prediction folder. */
export interface ImagePrediction {
  /** Path of the image. */
  readonly image: string;
  /** Base name of its output files. */
  readonly name: string;
  /** SHA-256 of the file. Missing in summaries of earlier versions. */
  readonly sha256?: string;
  readonly width: number;
  readonly height: number;
  readonly mpp?: number;
  /** Size at which the network saw it, if different. */
  readonly resampledTo?: { readonly width: number; readonly height: number };
  readonly areas?: readonly ClassArea[];
  /** Number of outlines written. */
  readonly regions?: number;
  /** Regions that are too small for an outline. */
  readonly leftOut?: LeftOut;
  readonly cells?: number;
  /** Number of cells left out because they are outside the image, in the padding of a tile. */
  readonly outside?: number;
  readonly counts?: readonly ClassCount[];
  /** Cells of slides only: PD-L1 positive among all tumour cells, for research only. */
  readonly tumourProportion?: TumourShare;
  /** Cells of slides only: cells in the regions that the user drew. */
  readonly ofRegions?: readonly RegionCells[];
  /** Tissue only, see `TissueCertainty`. */
  readonly medianConfidence?: number;
  readonly unclearShare?: number;
  /** Cells only, see `CellCertainty`. */
  readonly medianScore?: number;
  readonly weakCandidates?: number;
  readonly files: Readonly<Record<string, string>>;
  /** Whether the output of the network came from the cache. */
  readonly cached: boolean;
  /** Key of the network's output in the cache. Missing in summaries of earlier versions. */
  readonly key?: string;
  readonly provider: string;
  /** Device that the provider ran on; missing for the CPU. */
  readonly adapter?: string;
  readonly driver?: string;
  /** Missing for the exact engine. */
  readonly engine?: 'fast';
  /** Fast engine only: precision of its multiplications. */
  readonly precision?: Precision;
  /** Of the fast engine on a GPU: tiles at once as configured, 0 by its memory. */
  readonly batchSize?: number;
  readonly seconds: number;
  /** What users should know about the numbers, one sentence each. */
  readonly notes: readonly string[];
}

/** Returns whether an image was predicted as a slide. */
export function isOfSlide({ files }: Pick<ImagePrediction, 'files'>): boolean {
  return files['mask']?.endsWith('.tif') === true || files['density'] !== undefined;
}

/** Returns the paths of an image's files, relative to the folder of a tissue prediction. */
export function tissueFiles(name: string) {
  return {
    mask: join('masks', `${name}.png`),
    coloured: join('coloured', `${name}.png`),
    margin: join('confidence', `${name}.png`),
    overlay: join('overlays', `${name}.png`),
    polygons: join('polygons', `${name}.geojson`),
  };
}

/** Returns the paths of a slide's files, relative to the folder of a tissue prediction. */
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

/** Returns the paths of an image's files, relative to the folder of a cell prediction. */
export function cellFiles(name: string) {
  return {
    points: join('points', `${name}.npy`),
    table: join('points', `${name}.csv`),
    geojson: join('points', `${name}.geojson`),
    candidates: join('candidates', `${name}.json`),
    overlay: join('overlays', `${name}.png`),
  };
}

/** Returns the paths of a slide's files, relative to the folder of a cell prediction. */
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

/** Returns the path of the density map of one class. @param label - Number of the class. */
export function densityFile(name: string, label: number): string {
  return join('density', `${name}.${label}.png`);
}

/** An image and the base name of its output files. */
export interface NamedImage {
  /** Absolute path. */
  readonly path: string;
  readonly name: string;
  /** Absolute paths of its channels in their order, if each is a grey file; `path` is the first. */
  readonly channels?: readonly string[];
  /** Whether it is a slide, which several workers may share. Set in runs only. */
  readonly slide?: true;
}

/** What is predicted, and how. All paths are absolute. */
export interface PredictionOrder {
  readonly task: Task;
  readonly model: string;
  readonly labels?: string;
  /** Only these folds of an nnU-Net folder. */
  readonly folds?: readonly FoldName[];
  /** Whether an nnU-Net model also predicts mirrored copies of each tile. */
  readonly mirroring?: boolean;
  readonly out: string;
  readonly session: EnsembleOptions;
  readonly choices: PredictionChoices;
}

/** The model of a prediction, without its path. */
export const UsedModel = z.object({
  digest: z.string().describe('Of its source'),
  folds: z.array(FoldName).exactOptional().describe('Folds of an nnU-Net model that were averaged'),
  family: z.literal('nnU-Net v2').exactOptional(),
  trainer: z.string().exactOptional(),
  plans: z.string().exactOptional().describe('Name and configuration'),
  mirrorAxes: z
    .array(z.int())
    .exactOptional()
    .describe('Axes along which every tile was predicted mirrored too: 0 rows, 1 columns'),
  labels: z.array(z.object({ value: z.int(), name: z.string() })).exactOptional(),
});
export type UsedModel = z.infer<typeof UsedModel>;

/** Settings of all predictions in a folder, by option. `labels` and `regions` are the SHA-256 of the files. */
export const PredictionSettings = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
export type PredictionSettings = z.infer<typeof PredictionSettings>;

/** A prepared model, with what decides whether two predictions may share a folder. */
export interface ClaimedModel extends UsedModel {
  /** Detectors only. */
  readonly inEffect?: SettingsInEffect;
}

/** The settings with which a detector runs, whether the user gave them or not. */
export interface SettingsInEffect {
  readonly settings: PredictionSettings;
  /** The value of each setting without its option. Folders of earlier versions store only what was given. */
  readonly usual: PredictionSettings;
  /** The digest that earlier versions stored for this model and these settings, if it is another one. */
  readonly earlierDigest?: string;
}

/** Engines that run the networks. The caller closes them. */
export interface PredictionEngines {
  readonly segmenter: RoiSegmenter & SlideSegmenter;
  readonly detector: CellDetector & SlideDetector;
}

/** Folders for unfinished work, and the cache of finished predictions. */
export interface PredictServices {
  readonly home: HomeFolders;
  readonly cache: StepCache;
}

/** Options of predicting one image. */
export interface PredictOptions<Progress> {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress | { readonly phase: 'draw' }) => void;
  /** Counts attempts that die without progress, see {@link InferenceGuard}. */
  readonly crashes?: InferenceGuard['crashes'];
}

/** The strips of a slide that were computed separately and are to be joined. */
export interface OfStrips {
  readonly strips?: readonly StripRows[];
}

type ImageOptions = PredictOptions<SlideProgress | SlideCellsProgress>;

/** Predicts images with one model. */
export interface ImagePredictor {
  readonly model: ClaimedModel;
  /** @throws What `predictTissue` and `predictCells` throw. */
  predict(image: NamedImage, options?: ImageOptions & OfStrips): Promise<ImagePrediction>;
  /**
   * Splits a slide into strips that several workers can compute at the same time.
   *
   * @returns Empty for an image, and for a slide that is small or already in the cache.
   */
  strips(image: NamedImage, options?: Pick<ImageOptions, 'signal'>): Promise<readonly StripRows[]>;
  /** Computes one strip and stores it in the cache for `predict`. */
  predictStrip(image: NamedImage, strip: StripRows, options?: ImageOptions): Promise<{ readonly cached: boolean }>;
}

export interface OpenPredictorOptions {
  readonly signal?: AbortSignal;
  /** Called after each fold that was converted to ONNX. */
  readonly onConverted?: (done: number, total: number) => void;
}
