import type { OpenedSession, SessionOptions } from '../../onnx/session/session.ts';
import type { ImageBoxes } from './image-boxes.ts';
import type { View } from './tile-views.ts';

/** A converted detector and how to run it. */
export interface DetectorJob extends SessionOptions {
  /** Folder of the converted detector, with detector.json and the ONNX file. */
  readonly modelDir: string;
  /** See `DetectorOptions`. */
  readonly batchSize?: number;
}

/** One image in which to detect cells. All paths are on this machine. */
export interface DetectionJob extends DetectorJob {
  readonly image: string;
  /** How the network sees the image. Default: tiles without overlap, as in the paper's scripts. */
  readonly view?: View;
  /** SHA-256 of the image file. Default: computed. */
  readonly imageSha256?: string;
  /** Boxes with a detection score above this are written, 0 to 1; see `keptScore`. */
  readonly floor: number;
  /** Folder for partial results, from which a killed job resumes. Not shared with other images; removed at the end. */
  readonly partialDir: string;
  /** Output file of the boxes, see `writeBoxes`. */
  readonly boxes: string;
}

/** Progress of a job. */
export interface DetectionProgress {
  readonly phase: 'detect' | 'write';
  /** Number of finished tiles, including those of earlier attempts. */
  readonly tile: number;
  /** Total number of tiles. */
  readonly of: number;
}

/** What the network ran on. */
export interface DetectorEngine extends Omit<OpenedSession, 'session'> {
  readonly instructionSet: string;
  /** On a GPU, for a model that allows several tiles at once: how many, as configured; 0: by the memory of the GPU. */
  readonly batchSize?: number;
}

export interface DetectionResult extends DetectorEngine {
  /** Metadata that the file of boxes does not contain. */
  readonly seen: Omit<ImageBoxes, 'tiles'>;
  readonly tiles: number;
  /** Tiles that an earlier attempt finished. */
  readonly resumed: number;
  /** Conversions of the image and padding, one phrase each. */
  readonly notes: readonly string[];
  readonly peakRssBytes: number;
  readonly seconds: number;
}
