import { ReigniteError } from '../../errors.ts';
import { type AskOptions, InferenceThread } from '../../onnx/session/inference-thread.ts';
import type { FixedGpu, OpenedSession, SessionOptions } from '../../onnx/session/session.ts';
import type { OnSlide } from '../../slide/infer/tiled-slide.ts';
import type { TissueMask } from '../../slide/slide-tissue.ts';
import { startThread } from '../../start-thread.ts';
import type { ImageBoxes } from './detection-files.ts';
import type { View } from './image-views.ts';
import type { NmsOptions } from './nms.ts';

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

/** `signal` stops within one tile. Finished tiles stay on disk for the next attempt. */
export type DetectOptions = AskOptions<DetectionProgress>;

/** Detects cells on another thread, one image at a time. */
export interface CellDetector {
  /**
   * Detects cells in one image.
   *
   * @throws ReigniteError of the detection, or INFERENCE_FAILED if the thread died; the signal's reason.
   */
  detect(job: DetectionJob, options?: DetectOptions): Promise<DetectionResult>;
  /** Loads a model and returns what it runs on, without running it. */
  probe(job: DetectorJob, options?: Pick<DetectOptions, 'signal'>): Promise<DetectorEngine>;
  /** Ends the thread. A job in progress is stopped like by a signal. */
  close(): Promise<void>;
}

/** Detects cells on slides on another thread. */
export interface SlideDetector {
  /**
   * Detects the cell candidates of a slide, or of a strip of one.
   *
   * @throws ReigniteError of the detection, or INFERENCE_FAILED if the thread died; the signal's reason.
   */
  detectSlide(job: SlideCellsJob, options?: AskOptions<SlideCellsProgress>): Promise<SlideCellsResult>;
  /** Selects the cells of a slide from its candidates. @throws ReigniteError as `selectSlideCells` does. */
  selectSlideCells(job: SelectSlideCellsJob, options?: Pick<DetectOptions, 'signal'>): Promise<SelectedSlideCells>;
}

/** Requests of a cell detector to its thread. */
export type DetectorRequest =
  | { readonly kind: 'detect'; readonly job: DetectionJob }
  | { readonly kind: 'slide'; readonly job: SlideCellsJob }
  | { readonly kind: 'select-slide-cells'; readonly job: SelectSlideCellsJob }
  | { readonly kind: 'probe'; readonly job: DetectorJob };

export type DetectorAnswer =
  | { readonly kind: 'detected'; readonly result: DetectionResult }
  | { readonly kind: 'detected-slide'; readonly result: SlideCellsResult }
  | { readonly kind: 'selected-slide-cells'; readonly result: SelectedSlideCells }
  | { readonly kind: 'probed'; readonly engine: DetectorEngine };

/**
 * Creates a detector with its own thread. The thread starts with the first job and, if it dies, again with the next one.
 * One detector per process is enough, because it uses all cores that it is given.
 *
 * @param defaults - Options for jobs that do not set provider or threads.
 * @param fixed - Options for all jobs, which override those of the job.
 */
export function createCellDetector(defaults: SessionOptions = {}, fixed: FixedGpu = {}): CellDetector & SlideDetector {
  const start = () => startThread('toolkit/yolo/detect/cell-detector-thread.ts');
  const thread = new InferenceThread<DetectorRequest, DetectorAnswer, DetectionProgress>(start, whatItDid);
  return {
    async detect(job, options) {
      const answer = await thread.ask({ kind: 'detect', job: { ...defaults, ...job, ...fixed } }, options);
      if (answer.kind === 'detected') return answer.result;
      throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to detect.`);
    },
    async detectSlide(job, options) {
      const answer = await thread.ask({ kind: 'slide', job: { ...defaults, ...job, ...fixed } }, options);
      if (answer.kind === 'detected-slide') return answer.result;
      throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to slide.`);
    },
    async selectSlideCells(job, options) {
      const answer = await thread.ask({ kind: 'select-slide-cells', job }, options);
      if (answer.kind === 'selected-slide-cells') return answer.result;
      throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to select-slide-cells.`);
    },
    async probe(job, options) {
      const answer = await thread.ask({ kind: 'probe', job: { ...defaults, ...job, ...fixed } }, options);
      if (answer.kind === 'probed') return answer.engine;
      throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to probe.`);
    },
    close: () => thread.close(),
  };
}

/** Returns what completes the message "The inference thread exited while ...". */
function whatItDid({ kind, job }: DetectorRequest): string {
  switch (kind) {
    case 'detect':
      return `it detected cells in ${job.image}`;
    case 'slide':
      return `it detected cells on ${job.slide}`;
    case 'select-slide-cells':
      return `it read ${job.boxes}`;
    case 'probe':
      return `it loaded ${job.modelDir}`;
  }
}
