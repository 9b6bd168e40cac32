import { ReigniteError } from '../../errors.ts';
import { type AskOptions, InferenceThread } from '../../onnx/session/inference-thread.ts';
import type { FixedGpu, SessionOptions } from '../../onnx/session/session.ts';
import type {
  SelectedSlideCells,
  SelectSlideCellsJob,
  SlideCellsJob,
  SlideCellsProgress,
  SlideCellsResult,
} from '../../slide/predict/slide-jobs.ts';
import { startThread } from '../../start-thread.ts';
import type { DetectorAnswer, DetectorRequest } from './cell-detector-thread.ts';
import type { DetectionJob, DetectionProgress, DetectionResult, DetectorEngine, DetectorJob } from './detection-job.ts';

export type { DetectionJob, DetectionProgress, DetectionResult, DetectorEngine, DetectorJob } from './detection-job.ts';

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
