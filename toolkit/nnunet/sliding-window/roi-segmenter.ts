import type { Worker } from 'node:worker_threads';
import { ReigniteError } from '../../errors.ts';
import type { FixedGpu } from '../../onnx/session/session.ts';
import type { SlideJob, SlideProgress, SlideResult } from '../../slide/predict/slide-job.ts';
import { type AskOptions, InferenceThread } from '../../threads/inference-thread.ts';
import { startThread } from '../../threads/start-thread.ts';
import type { Engine, EnsembleOptions, ModelJob, RoiJob, RoiProgress, SegmentResult } from './roi-job.ts';
import type { SegmenterAnswer, SegmenterRequest } from './roi-segmenter-thread.ts';

export type { Engine, ModelJob, RoiJob, RoiProgress, SegmentResult } from './roi-job.ts';

/** `signal` stops within one tile; what is on disk stays for the next attempt. */
export type SegmentOptions = AskOptions<RoiProgress>;

/** Segments ROIs off the event loop, one after the other. */
export interface RoiSegmenter {
  /**
   * Segments one ROI.
   *
   * @throws ReigniteError with the code of what went wrong, INFERENCE_FAILED when the thread died; the signal's reason.
   */
  segment(job: RoiJob, options?: SegmentOptions): Promise<SegmentResult>;
  /** Loads a model and says what it runs on; nothing is computed. */
  probe(job: ModelJob, options?: Pick<SegmentOptions, 'signal'>): Promise<Engine>;
  /** Ends the thread; a job in progress is stopped as by a signal. */
  close(): Promise<void>;
}

/** Segments slides off the event loop. */
export interface SlideSegmenter {
  /**
   * Segments a slide or a strip of one.
   *
   * @throws ReigniteError with the code of what went wrong, INFERENCE_FAILED when the thread died; the signal's reason.
   */
  segmentSlide(job: SlideJob, options?: AskOptions<SlideProgress>): Promise<SlideResult>;
}

/**
 * Creates a segmenter with a thread of its own, which starts with the first job and, should it die, again with the
 * next. One segmenter per process is enough: it uses every core it is given.
 *
 * @param defaults - For jobs that do not name provider or threads themselves.
 * @param start - How the thread is started; for tests.
 * @param fixed - For all jobs, whatever they name.
 */
export function createRoiSegmenter(
  defaults: EnsembleOptions = {},
  start = startSegmenterThread,
  fixed: FixedGpu = {},
): RoiSegmenter & SlideSegmenter {
  const thread = new InferenceThread<SegmenterRequest, SegmenterAnswer, RoiProgress>(
    start,
    ({ job }) =>
      'image' in job
        ? `it segmented ${job.image}`
        : 'slide' in job
          ? `it segmented ${job.slide}`
          : `it loaded ${job.modelDir}`,
    { prepares: true },
  );
  return {
    async segment(job, options) {
      const answer = await thread.ask({ kind: 'segment', job: { ...defaults, ...job, ...fixed } }, options);
      if (answer.kind === 'segmented') return answer.result;
      throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to segment.`);
    },
    async segmentSlide(job, options) {
      const answer = await thread.ask({ kind: 'slide', job: { ...defaults, ...job, ...fixed } }, options);
      if (answer.kind === 'segmented') return answer.result;
      throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to slide.`);
    },
    async probe(job, options) {
      const answer = await thread.ask({ kind: 'probe', job: { ...defaults, ...job, ...fixed } }, options);
      if (answer.kind === 'probed') return answer.engine;
      throw new ReigniteError('INTERNAL', `The inference thread answered ${answer.kind} to probe.`);
    },
    close: () => thread.close(),
  };
}

/** Starts the thread of a segmenter, idle. */
export function startSegmenterThread(): Worker {
  return startThread('toolkit/nnunet/sliding-window/roi-segmenter-thread.ts');
}
