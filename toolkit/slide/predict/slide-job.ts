import type { ModelJob, RoiProgress, SegmentResult } from '../../nnunet/sliding-window/roi-job.ts';
import type { StripRows } from '../read/slide-tiles.ts';
import type { ViewChoice } from '../read/slide-view.ts';
import type { TissueMask } from '../tissue/tissue-mask.ts';

/** A slide to segment, or a strip of one. All paths are those of this machine. */
export interface SlideJob extends ModelJob {
  readonly slide: string;
  readonly slideSha256: string;
  readonly choice: ViewChoice;
  /** µm per px that the model expects. */
  readonly target: number;
  /** Only its pixels get a label. */
  readonly tissue?: TissueMask;
  /** Default: all tile rows. */
  readonly rows?: StripRows;
  /** Folder for what a killed job leaves for the next; of this job alone, removed at the end. */
  readonly partialDir: string;
  /** Where the labels go, a file of rows. */
  readonly labels: string;
  /** Where the confidence goes, a file of rows: 255 x (best - second best mean softmax). */
  readonly confidence: string;
}

/** How far the job of a slide is. */
export interface SlideProgress extends RoiProgress {
  /** Said once, before the first tile: how long those that are left will take, s. */
  readonly expectedSeconds?: number;
  /** Tiles that are computed, and those of the whole grid; said with it. */
  readonly tiles?: number;
  readonly tilesTotal?: number;
}

/** What the job of a slide did. */
export type SlideResult = SegmentResult;
