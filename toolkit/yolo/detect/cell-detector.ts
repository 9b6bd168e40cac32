import { ReigniteError } from '../../errors.ts';
import type { FixedGpu, SessionOptions } from '../../onnx/session/session.ts';
import type {
  SelectedSlideCells,
  SelectSlideCellsJob,
  SlideCellsJob,
  SlideCellsProgress,
  SlideCellsResult,
} from '../../slide/predict/slide-cells-job.ts';
import { type AskOptions, InferenceThread } from '../../threads/inference-thread.ts';
import { startThread } from '../../threads/start-thread.ts';
import type { DetectorAnswer, DetectorRequest } from './cell-detector-thread.ts';
import type { DetectionJob, DetectionProgress, DetectionResult, DetectorEngine, DetectorJob } from './detection-job.ts';

export type { DetectionJob, DetectionProgress, DetectionResult, DetectorEngine, DetectorJob } from './detection-job.ts';

/** `signal` stops within one tile; what is on disk stays for the next attempt. */
export type DetectOptions = AskOptions<DetectionProgress>;

/** Detects cells off the event loop, one image after the other. */
export interface CellDetector {
  /**
   * Detects cells in one image.
   *
   * @throws ReigniteError with the code of what went wrong, INFERENCE_FAILED when the thread died; the signal's reason.
   */
  detect(job: DetectionJob, options?: DetectOptions): Promise<DetectionResult>;
  /** Loads a model and says what it runs on; nothing is computed. */
  probe(job: DetectorJob, options?: Pick<DetectOptions, 'signal'>): Promise<DetectorEngine>;
  /** Ends the thread; a job in progress is stopped as by a signal. */
  close(): Promise<void>;
}

/** Detects cells on slides off the event loop. */
export interface SlideDetector {
  /**
   * Finds the candidates of cells of a slide, or a strip of one.
   *
   * @throws ReigniteError with the code of what went wrong, INFERENCE_FAILED when the thread died; the signal's reason.
   */
  detectSlide(job: SlideCellsJob, options?: AskOptions<SlideCellsProgress>): Promise<SlideCellsResult>;
  /** Chooses the cells of a slide from its candidates. @throws ReigniteError as `selectSlideCells` does. */
  selectSlideCells(job: SelectSlideCellsJob, options?: Pick<DetectOptions, 'signal'>): Promise<SelectedSlideCells>;
}

/**
 * Creates a detector with a thread of its own, which starts with the first job and, should it die, again with the
 * next. One detector per process is enough: it uses every core it is given.
 *
 * @param defaults - For jobs that do not name provider or threads themselves.
 * @param fixed - For all jobs, whatever they name.
 */
export function createCellDetector(defaults: SessionOptions = {}, fixed: FixedGpu = {}): CellDetector & SlideDetector {
  const start = () => startThread('toolkit/yolo/detect/cell-detector-thread.ts');
  const thread = new InferenceThread<DetectorRequest, DetectorAnswer, DetectionProgress>(
    start,
    ({ job }) =>
      'image' in job
        ? `it detected cells in ${job.image}`
        : 'slide' in job
          ? `it detected cells on ${job.slide}`
          : 'boxes' in job
            ? `it read ${job.boxes}`
            : `it loaded ${job.modelDir}`,
    { prepares: true },
  );
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
