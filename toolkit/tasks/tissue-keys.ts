import { type CacheEntry, fileDigest, type KeyParts } from '../cache/step-cache.ts';
import { MARGIN, MASK } from './tissue-files.ts';
import { type NetworkSetup, networkParts, type RoiSources } from './work.ts';

/** Raised whenever the code that makes a step's outputs changes what it makes. */
const SCHEMA = { segment: 2, figure: 2, comparison: 1 } as const;

/** What an ROI's mask, margins and confusion depend on. */
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
  nearMargin: number,
): KeyParts {
  const [mask, margin] = [fileDigest(entry, MASK), fileDigest(entry, MARGIN)];
  return { step: 'judge-roi', schema: SCHEMA.comparison, mask, margin, published, truth, nearMargin };
}
