import type { Worker } from 'node:worker_threads';
import { ReigniteError } from '../../errors.ts';
import type { Engine, EngineName, Precision } from '../../onnx/session/engine-choice.ts';
import { type AskOptions, InferenceThread } from '../../onnx/session/inference-thread.ts';
import type { FixedGpu, SessionOptions } from '../../onnx/session/session.ts';
import type { OnSlide } from '../../slide/infer/tiled-slide.ts';
import type { TissueMask } from '../../slide/slide-tissue.ts';
import { startThread } from '../../start-thread.ts';
import type { NetworkCounts } from '../networks/ort-fold-networks.ts';
import type { RoiStep } from './partial-roi.ts';
import type { RoiToTile } from './tiled-roi.ts';

/** How an ensemble is run. */
export interface EnsembleOptions extends SessionOptions {
  /** `exact` adds in the same order as nnU-Net, `fast` in the fastest order. Default `exact`. */
  readonly engine?: EngineName;
  /** Precision in which `fast` multiplies. Default: float16 on CUDA, else float32. */
  readonly precision?: Precision | 'auto';
  /** Tiles per pass of `fast` on CUDA; 0, the default, chooses by the memory of the GPU. */
  readonly batchSize?: number;
  /** Where `fast` adds up tiles: `device`, in one graph with the networks, or `host`. Default: `device` on CUDA. For tests. */
  readonly sums?: 'device' | 'host';
}

/** A converted model and how to run it. */
export interface ModelJob extends EnsembleOptions {
  /** Folder of the converted model: model.json and one ONNX file per fold. */
  readonly modelDir: string;
}

/** One ROI to segment. All paths are local. */
export interface RoiJob extends ModelJob, RoiToTile {
  /** SHA-256 of the image file if it is already known; otherwise it is computed. */
  readonly imageSha256?: string;
  /** Image that is probably segmented next: on a GPU, it is decoded while this one is segmented. */
  readonly following?: string;
  /** Folder for the partial result of this ROI, from which the next job resumes after a kill; removed at the end. */
  readonly partialDir: string;
  /** Path of the label mask: 8-bit grey PNG. */
  readonly mask: string;
  /** Path of the confidence map: 16-bit grey PNG, 65535 x (best - second best mean softmax). */
  readonly confidence: string;
}

/** Progress of a job. */
export interface RoiProgress {
  readonly phase: 'predict' | 'encode';
  /** Passes of the networks that are done (tiles times folds), including earlier attempts. */
  readonly tile: number;
  /** Passes in all. */
  readonly of: number;
  /** Tile row, from 0. */
  readonly row: number;
  readonly rows: number;
  readonly fold: number;
}

/** What a job did. */
export interface SegmentResult extends Engine {
  /** px */
  readonly width: number;
  /** px */
  readonly height: number;
  /** Tiles of the grid that the networks saw. */
  readonly tiles: number;
  /** Tiles of the whole grid. */
  readonly tilesTotal: number;
  /** Where an earlier attempt stopped, if there was one. */
  readonly resumedFrom?: RoiStep;
  /** Content of the image file that the networks did not see (alpha, palette, ...). */
  readonly notes: readonly string[];
  /** Counters of the networks since they were opened, including earlier ROIs. */
  readonly counts?: NetworkCounts;
  /** Largest resident memory of the process since its start, bytes. */
  readonly peakRssBytes: number;
  /** Wall time of this attempt, s. */
  readonly seconds: number;
}

/** A slide to segment, or a strip of one. */
export interface SlideJob extends ModelJob, OnSlide {
  /** Only pixels of the tissue get a label. */
  readonly tissue?: TissueMask;
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

/** A request of a segmenter to its thread. */
export type SegmenterRequest =
  | { readonly kind: 'segment'; readonly job: RoiJob }
  | { readonly kind: 'slide'; readonly job: SlideJob }
  | { readonly kind: 'probe'; readonly job: ModelJob };

export type SegmenterAnswer =
  | { readonly kind: 'segmented'; readonly result: SegmentResult | SlideResult }
  | { readonly kind: 'probed'; readonly engine: Engine };

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
