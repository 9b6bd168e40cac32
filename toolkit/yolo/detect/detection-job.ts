import type { OpenedSession, SessionOptions } from '../../onnx/session/session.ts';
import type { Suppression } from '../suppression.ts';
import type { View } from '../tile-views.ts';
import type { NmsOptions } from './nms.ts';
import type { Box } from './points.ts';

/** A converted detector and how to run it. */
export interface DetectorJob extends SessionOptions {
  /** Folder of the converted detector: detector.json and its ONNX file. */
  readonly modelDir: string;
}

/** One image to detect cells in. All paths are those of this machine. */
export interface DetectionJob extends DetectorJob, NmsOptions {
  readonly image: string;
  /** How the network sees the image. Default: tiles side by side, suppressed together, as in the paper's scripts. */
  readonly view?: View;
  /** Default: all classes together. */
  readonly suppression?: Suppression;
  /** Score above which candidates are recorded. Default: 0.25 or the confidence, whichever is lower. */
  readonly recorded?: number;
  /** Digest of the image file, where it is known already; else it is computed. */
  readonly imageSha256?: string;
  /** Only points within it are kept, borders included (`annotated_xyxy`); px. Default: everything. */
  readonly box?: Box;
  /** Folder for what a killed job leaves for the next; of this image alone, removed at the end. */
  readonly partialDir: string;
  /** Where the points go: .npy, float32 (n, 3): x, y, class. Not written, and removed if there, when n is 0. */
  readonly points: string;
  /** Where the candidates go: see `CandidatesFile`. */
  readonly candidates: string;
}

/** How far a job is. */
export interface DetectionProgress {
  readonly phase: 'detect' | 'write';
  /** Tiles done, earlier attempts included. */
  readonly tile: number;
  /** Tiles in all. */
  readonly of: number;
}

/** What the network ran on. */
export interface DetectorEngine extends Omit<OpenedSession, 'session'> {
  readonly instructionSet: string;
}

export interface DetectionResult extends DetectorEngine {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  readonly tiles: number;
  /** Tiles that an earlier attempt had done. */
  readonly resumed: number;
  /** Points written. */
  readonly points: number;
  /** Candidates above the recorded score, the points among them. */
  readonly candidates: number;
  /** What the image file held and the network did not see, and padding; a phrase each. */
  readonly notes: readonly string[];
  /** Points whose box ends at the border of its tile, where tiles overlap. */
  readonly cutOff?: number;
  readonly peakRssBytes: number;
  readonly seconds: number;
}
