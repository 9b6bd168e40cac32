import type { DetectionJob, DetectionResult, DetectorEngine, DetectorJob } from './detection-job.ts';

/** What a cell detector asks its thread. */
export type DetectorRequest =
  | { readonly kind: 'detect'; readonly job: DetectionJob }
  | { readonly kind: 'probe'; readonly job: DetectorJob };

export type DetectorAnswer =
  | { readonly kind: 'detected'; readonly result: DetectionResult }
  | { readonly kind: 'probed'; readonly engine: DetectorEngine };
