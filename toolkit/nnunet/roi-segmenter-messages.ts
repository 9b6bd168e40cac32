import type { Engine, ModelJob, RoiJob, SegmentResult } from './roi-job.ts';

/** What a segmenter asks its thread. */
export type SegmenterRequest =
  | { readonly kind: 'segment'; readonly job: RoiJob }
  | { readonly kind: 'probe'; readonly job: ModelJob };

export type SegmenterAnswer =
  | { readonly kind: 'segmented'; readonly result: SegmentResult }
  | { readonly kind: 'probed'; readonly engine: Engine };
