import type { OpenedSession, SessionOptions } from '../../onnx/session/session.ts';
import type { ImageBoxes } from './image-boxes.ts';
import type { View } from './tile-views.ts';

/** A converted detector and how to run it. */
export interface DetectorJob extends SessionOptions {
  /** Folder of the converted detector: detector.json and its ONNX file. */
  readonly modelDir: string;
}

/** One image to detect cells in. All paths are those of this machine. */
export interface DetectionJob extends DetectorJob {
  readonly image: string;
  /** How the network sees the image. Default: tiles side by side, as in the paper's scripts. */
  readonly view?: View;
  /** Digest of the image file, where it is known already; else it is computed. */
  readonly imageSha256?: string;
  /** Boxes of a score above it are written, 0 to 1; see `keptScore`. */
  readonly floor: number;
  /** Folder for what a killed job leaves for the next; of this image alone, removed at the end. */
  readonly partialDir: string;
  /** Where the boxes go, see `writeBoxes`. */
  readonly boxes: string;
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
  /** What the file of boxes does not say of itself. */
  readonly seen: Omit<ImageBoxes, 'tiles'>;
  readonly tiles: number;
  /** Tiles that an earlier attempt had done. */
  readonly resumed: number;
  /** What the image file held and the network did not see, and padding; a phrase each. */
  readonly notes: readonly string[];
  readonly peakRssBytes: number;
  readonly seconds: number;
}
