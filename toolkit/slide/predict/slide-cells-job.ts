import type { DetectionProgress, DetectorEngine, DetectorJob } from '../../yolo/detect/detection-job.ts';
import type { NmsOptions } from '../../yolo/detect/nms.ts';
import type { ViewChoice } from '../read/slide-view.ts';
import type { TissueMask } from '../tissue/tissue-mask.ts';

/** A slide to detect cells on. All paths are those of this machine. */
export interface SlideCellsJob extends DetectorJob, NmsOptions {
  readonly slide: string;
  readonly slideSha256: string;
  readonly choice: ViewChoice;
  /** µm per px that the model expects. */
  readonly target: number;
  /** Only cells in it are kept. */
  readonly tissue?: TissueMask;
  /** Folder for what a killed job leaves for the next; of this job alone, removed at the end. */
  readonly partialDir: string;
  /** Where the cells go: .npy, float32 (n, 6): x1, y1, x2, y2, score, class, best first; px as the network sees them. */
  readonly cells: string;
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
  readonly tiles: number;
  readonly tilesTotal: number;
  /** Tiles that an earlier attempt had done. */
  readonly resumed: number;
  readonly cells: number;
  /** Cells that were found outside the tissue and left out. */
  readonly outside: number;
  readonly notes: readonly string[];
  readonly seconds: number;
}
