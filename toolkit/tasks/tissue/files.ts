import type { z } from 'zod';
import type { TissueTask } from '../../../config/tasks.ts';
import { type CacheEntry, fileDigest, type KeyParts, type StepCache } from '../../cache/step-cache.ts';
import { ConfusionMatrix } from '../../metrics/confusion-matrix.ts';
import { RESULTS } from '../../results/results-folder.ts';
import { definitionOf } from '../registry.ts';
import { InferenceFacts, type NetworkSetup, networkParts, type RoiSources, Rows } from '../work.ts';

/** Names of files within cache entries. */
export const MASK = 'mask.png';
export const MARGIN = 'margin.png';

/** What a cache entry says of a segmented ROI. */
export const SegmentFacts = InferenceFacts.extend({ confusion: Rows });
export type SegmentFacts = z.infer<typeof SegmentFacts>;

const ConfusionFacts = SegmentFacts.pick({ confusion: true });

/** Counts of an ROI, truth and our mask, 17 x 17. */
export function confusionOf({ facts }: CacheEntry): ConfusionMatrix {
  return ConfusionMatrix.fromRows(ConfusionFacts.parse(facts).confusion);
}

/** Where an ROI's files are in a results folder, laid out as in the record. */
export function tissueOutputs(task: TissueTask, results: string, roi: string) {
  return {
    mask: RESULTS.mask.in(results, definitionOf(task).folder, roi),
    margin: RESULTS.confidence.in(results, task, roi),
    figure: RESULTS.caseFigure.in(results, definitionOf(task).folder, roi),
  };
}

/** Puts an entry's mask and confidences where results are. */
export async function restoreMask(
  cache: StepCache,
  entry: CacheEntry,
  outputs: ReturnType<typeof tissueOutputs>,
): Promise<void> {
  await cache.restore(entry.key, MARGIN, outputs.margin);
  await cache.restore(entry.key, MASK, outputs.mask);
}

/** Raised whenever the code that makes a step's outputs changes what it makes. */
const SCHEMA = { segment: 2, figure: 3, comparison: 1 } as const;

/** What an ROI's mask, confidences and confusion depend on. */
export function segmentKey(sources: RoiSources, setup: NetworkSetup): KeyParts {
  return {
    step: 'segment-roi',
    schema: SCHEMA.segment,
    ...sources,
    scope: setup.settings.scope,
    ...networkParts(setup),
  };
}

/** What the case figure of an ROI depends on. */
export function caseFigureKey(roi: string, sources: RoiSources, entry: CacheEntry): KeyParts {
  return { step: 'draw-case', schema: SCHEMA.figure, roi, ...sources, mask: fileDigest(entry, MASK) };
}

/** What the comparison of an ROI's mask with the published one depends on. */
export function comparisonKey(
  entry: CacheEntry,
  { published, truth }: { readonly published: string; readonly truth: string },
  lowConfidenceUpTo: number,
): KeyParts {
  const [mask, margin] = [fileDigest(entry, MASK), fileDigest(entry, MARGIN)];
  return { step: 'judge-roi', schema: SCHEMA.comparison, mask, margin, published, truth, lowConfidenceUpTo };
}
