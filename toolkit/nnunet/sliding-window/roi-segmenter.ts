import type { Worker } from 'node:worker_threads';
import { ReigniteError } from '../../errors.ts';
import { type AskOptions, InferenceThread } from '../../onnx/session/inference-thread.ts';
import type { FixedGpu } from '../../onnx/session/session.ts';
import type { SlideJob, SlideProgress, SlideResult } from '../../slide/infer/segment-slide.ts';
import { startThread } from '../../start-thread.ts';
import type { Engine, EnsembleOptions, ModelJob, RoiJob, RoiProgress, SegmentResult } from './roi-job.ts';
import type { SegmenterAnswer, SegmenterRequest } from './roi-segmenter-thread.ts';

export type { Engine, ModelJob, RoiJob, RoiProgress, SegmentResult } from './roi-job.ts';

/** `signal` stops the job within one tile; the partial result stays on disk for the next attempt. */
export type SegmentOptions = AskOptions<RoiProgress>;

/** Segments ROIs off the event loop, one after the other. */
export interface RoiSegmenter {
  /**
   * Segments one ROI.
   *
   * @throws ReigniteError with the code of the failure, INFERENCE_FAILED if the thread crashed; the signal's reason.
   */
  segment(job: RoiJob, options?: SegmentOptions): Promise<SegmentResult>;
  /** Loads a model and returns what it runs on, without predicting anything. */
  probe(job: ModelJob, options?: Pick<SegmentOptions, 'signal'>): Promise<Engine>;
  /** Ends the thread. A job in progress is stopped as if by its signal. */
  close(): Promise<void>;
}

/** Segments slides off the event loop. */
export interface SlideSegmenter {
  /**
   * Segments a slide or a strip of one.
   *
   * @throws ReigniteError with the code of the failure, INFERENCE_FAILED if the thread crashed; the signal's reason.
   */
  segmentSlide(job: SlideJob, options?: AskOptions<SlideProgress>): Promise<SlideResult>;
}

/**
 * Creates a segmenter with its own thread, which starts with the first job and, after a crash, again with the next one.
 * One segmenter per process is enough, because it uses all cores that it may use.
 *
 * @param defaults - Options for jobs that do not set them.
 * @param start - Starts the thread; replaced in tests.
 * @param fixed - Options that override those of every job.
 */
export function createRoiSegmenter(
  defaults: EnsembleOptions = {},
  start = startSegmenterThread,
  fixed: FixedGpu = {},
): RoiSegmenter & SlideSegmenter {
  const thread = new InferenceThread<SegmenterRequest, SegmenterAnswer, RoiProgress>(start, whatItDid);
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

/** Completes "The inference thread exited while". */
function whatItDid({ kind, job }: SegmenterRequest): string {
  switch (kind) {
    case 'segment':
      return `it segmented ${job.image}`;
    case 'slide':
      return `it segmented ${job.slide}`;
    case 'probe':
      return `it loaded ${job.modelDir}`;
  }
}

/** Starts the thread of a segmenter, idle. */
export function startSegmenterThread(): Worker {
  return startThread('toolkit/nnunet/sliding-window/roi-segmenter-thread.ts');
}
