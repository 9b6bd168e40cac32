import type { ModelJob, RoiProgress, SegmentResult } from '../../nnunet/sliding-window/roi-job.ts';
import type { StripRows } from '../read/slide-tiles.ts';
import type { ViewChoice } from '../read/slide-view.ts';
import type { TissueMask } from '../tissue/tissue-mask.ts';

/** A slide to segment, or a strip of one. All paths are on this machine. */
export interface SlideJob extends ModelJob {
  readonly slide: string;
  readonly slideSha256: string;
  readonly choice: ViewChoice;
  /** µm per px that the model expects. */
  readonly target: number;
  /** Only pixels of the tissue get a label. */
  readonly tissue?: TissueMask;
  /** Default: all tile rows. */
  readonly rows?: StripRows;
  /** Folder for partial results, from which a killed job resumes. Not shared with other jobs; removed at the end. */
  readonly partialDir: string;
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
