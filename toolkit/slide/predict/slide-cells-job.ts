import type { DetectionProgress, DetectorEngine, DetectorJob } from '../../yolo/detect/detection-job.ts';
import type { NmsOptions } from '../../yolo/detect/nms.ts';
import type { StripRows } from '../read/slide-tiles.ts';
import type { ViewChoice } from '../read/slide-view.ts';
import type { TissueMask } from '../tissue/tissue-mask.ts';

/** A slide, or a strip of one, on which a network finds candidates of cells. All paths are those of this machine. */
export interface SlideCellsJob extends DetectorJob {
  readonly slide: string;
  readonly slideSha256: string;
  readonly choice: ViewChoice;
  /** µm per px that the model expects. */
  readonly target: number;
  /** Only tiles that touch it are computed. */
  readonly tissue?: TissueMask;
  /** Default: all tile rows. */
  readonly rows?: StripRows;
  /** Candidates of a score above it are kept. */
  readonly floor: number;
  /** Folder for what a killed job leaves for the next; of this job alone, removed at the end. */
  readonly partialDir: string;
  /** Where the candidates go, see `writeSlideBoxes`. */
  readonly boxes: string;
}

/** How far the job is. */
export interface SlideCellsProgress extends DetectionProgress {
  /** Said once, after two tiles: how long those that are left will take, s. */
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
  /** Tiles that an earlier attempt had done. */
  readonly resumed: number;
  readonly notes: readonly string[];
  readonly seconds: number;
}

/** Candidates of a slide from which cells are chosen; needs no network. */
export interface SelectSlideCellsJob extends NmsOptions {
  /** Of `SlideCellsJob`. */
  readonly boxes: string;
  /** px as the network saw it */
  readonly width: number;
  /** px as the network saw it */
  readonly height: number;
  /** Side of a tile, px. */
  readonly size: number;
  /** Only cells in it are kept. */
  readonly tissue?: TissueMask;
}

export interface SelectedSlideCells {
  /** n x 6: x1, y1, x2, y2, score, class, best first; px as the network saw them. */
  readonly cells: Float32Array;
  /** Cells that were found outside the tissue and left out. */
  readonly outside: number;
}
