import type { z } from 'zod';
import type { TissueTask } from '../../../config/tasks.ts';
import { type CacheEntry, fileDigest, type KeyParts, type StepCache } from '../../cache/step-cache.ts';
import { ConfusionMatrix } from '../../metrics/confusion-matrix.ts';
import { RESULTS } from '../../results/results-folder.ts';
import { definitionOf } from '../registry.ts';
import { InferenceFacts, type NetworkSetup, networkParts, type RoiSources, Rows } from '../work.ts';

/** Names of files within cache entries. */
export const MASK = 'mask.png';
export const CONFIDENCE = 'margin.png';

/** Facts in a cache entry about a segmented ROI. */
export const SegmentFacts = InferenceFacts.extend({ confusion: Rows });
export type SegmentFacts = z.infer<typeof SegmentFacts>;

const ConfusionFacts = SegmentFacts.pick({ confusion: true });

/** Returns the 17 x 17 counts of an ROI, ground truth and our mask. */
export function confusionOf({ facts }: CacheEntry): ConfusionMatrix {
  return ConfusionMatrix.fromRows(ConfusionFacts.parse(facts).confusion);
}

/** Returns the paths of an ROI's files in a results folder, which has the layout of the record. */
export function tissueOutputs(task: TissueTask, results: string, roi: string) {
  return {
    mask: RESULTS.mask.in(results, definitionOf(task).folder, roi),
    confidence: RESULTS.confidence.in(results, task, roi),
    figure: RESULTS.caseFigure.in(results, definitionOf(task).folder, roi),
  };
}

/** Copies the mask and confidences of a cache entry to the results folder. */
export async function restoreMask(
  cache: StepCache,
  entry: CacheEntry,
  outputs: ReturnType<typeof tissueOutputs>,
): Promise<void> {
  await cache.restore(entry.key, CONFIDENCE, outputs.confidence);
  await cache.restore(entry.key, MASK, outputs.mask);
}

/** Must be raised when a change of code changes the outputs of a step. */
const SCHEMA = { segment: 2, figure: 3, comparison: 1 } as const;

/** Returns the cache key parts of an ROI's mask, confidences and confusion matrix. */
export function segmentKey(sources: RoiSources, setup: NetworkSetup): KeyParts {
  return {
    step: 'segment-roi',
    schema: SCHEMA.segment,
    ...sources,
    scope: setup.settings.scope,
    ...networkParts(setup),
  };
}

/** Returns the cache key parts of an ROI's case figure. */
export function caseFigureKey(roi: string, sources: RoiSources, entry: CacheEntry): KeyParts {
  return { step: 'draw-case', schema: SCHEMA.figure, roi, ...sources, mask: fileDigest(entry, MASK) };
}

/** Returns the cache key parts of the comparison of an ROI's mask with the published one. */
export function comparisonKey(
  entry: CacheEntry,
  { published, truth }: { readonly published: string; readonly truth: string },
  lowConfidenceUpTo: number,
): KeyParts {
  const [mask, confidence] = [fileDigest(entry, MASK), fileDigest(entry, CONFIDENCE)];
  return {
    step: 'judge-roi',
    schema: SCHEMA.comparison,
    mask,
    margin: confidence,
    published,
    truth,
    lowConfidenceUpTo,
  };
}
