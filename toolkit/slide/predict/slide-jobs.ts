import type { ModelJob, RoiProgress, SegmentResult } from '../../nnunet/sliding-window/roi-segmenter.ts';
import type { DetectionProgress, DetectorEngine, DetectorJob } from '../../yolo/detect/cell-detector.ts';
import type { NmsOptions } from '../../yolo/detect/nms.ts';
import type { ViewChoice } from '../read/slide-view.ts';
import type { TissueMask } from '../slide-tissue.ts';
import type { StripRows } from './tiled-slide.ts';

/** What every job on a slide, or on a strip of one, names. All paths are on this machine. */
interface OnSlide {
  readonly slide: string;
  readonly slideSha256: string;
  readonly choice: ViewChoice;
  /** µm per px that the model expects. */
  readonly target: number;
  /** Default: all tile rows. */
  readonly rows?: StripRows;
  /** Folder for partial results, from which a killed job resumes. Not shared with other jobs; removed at the end. */
  readonly partialDir: string;
}

/** A slide to segment, or a strip of one. */
export interface SlideJob extends ModelJob, OnSlide {
  /** Only pixels of the tissue get a label. */
  readonly tissue?: TissueMask;
  /** Output file of the labels, see `joinRows`. */
  readonly labels: string;
  /** Output file of the confidence, see `joinRows`: 255 x (best - second best mean softmax). */
  readonly confidence: string;
}

/** Progress of segmenting a slide. */
export interface SlideProgress extends RoiProgress {
  /** Estimated time for the remaining tiles, s. Reported once, before the first tile. */
  readonly expectedSeconds?: number;
  /** Number of tiles that are computed; reported with `expectedSeconds`. */
  readonly tiles?: number;
  /** Number of tiles of the whole grid; reported with `expectedSeconds`. */
  readonly tilesTotal?: number;
}

/** Result of segmenting a slide. */
export type SlideResult = SegmentResult;

/** A slide, or a strip of one, in which a network detects cell candidates. */
export interface SlideCellsJob extends DetectorJob, OnSlide {
  /** Only tiles that touch the tissue are computed. */
  readonly tissue?: TissueMask;
  /** Candidates with a detection score above this are kept. */
  readonly floor: number;
  /** Output file of the candidates, see `writeSlideBoxes`. */
  readonly boxes: string;
}

/** Progress of the job. */
export interface SlideCellsProgress extends DetectionProgress {
  /** Estimated time for the remaining tiles, s. Reported once, after two tiles. */
  readonly expectedSeconds?: number;
  readonly tiles?: number;
  readonly tilesTotal?: number;
}

export interface SlideCellsResult extends DetectorEngine {
  /** px as the network saw it */
  readonly width: number;
  /** px as the network saw it */
  readonly height: number;
  /** Side of a tile, px. */
  readonly size: number;
  readonly tiles: number;
  readonly tilesTotal: number;
  /** Tiles that an earlier attempt finished. */
  readonly resumed: number;
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** Candidates of a slide, from which cells are selected without a network. */
export interface SelectSlideCellsJob extends NmsOptions {
  /** File of candidates, see `SlideCellsJob`. */
  readonly boxes: string;
  /** px as the network saw it */
  readonly width: number;
  /** px as the network saw it */
  readonly height: number;
  /** Side of a tile, px. */
  readonly size: number;
  /** Only cells in the tissue are kept. */
  readonly tissue?: TissueMask;
}

export interface SelectedSlideCells {
  /** n x 6: x1, y1, x2, y2, score, class, best first; px as the network saw them. */
  readonly cells: Float32Array;
  /** Number of cells that were dropped because they are outside the tissue. */
  readonly outside: number;
}
