import { readMaskPair } from '../toolkit/dataset/read-mask-pair.ts';
import { roiConfusion } from '../toolkit/metrics/evaluate-he.ts';
import type { SegmentResult } from '../toolkit/nnunet/roi-segmenter.ts';
import type { SegmentFacts } from './roi-outputs.ts';

/** Counts an ROI's confusion over the whole with-context mask, and gathers what its cache entry says. */
export async function scoreRoi(
  roi: string,
  files: { readonly truth: string; readonly mask: string },
  result: SegmentResult,
): Promise<SegmentFacts> {
  const confusion = roiConfusion(await readMaskPair(roi, files.truth, files.mask));
  const { width, height, provider, fallbacks, instructionSet, tiles, seconds, notes } = result;
  return {
    width,
    height,
    confusion: confusion.toRows(),
    provider,
    fallbacks: [...fallbacks],
    instructionSet,
    tiles,
    seconds,
    notes: [...notes],
  };
}
