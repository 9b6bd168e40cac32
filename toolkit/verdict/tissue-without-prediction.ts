import type { ConfusionMatrix } from '../metrics/confusion-matrix.ts';
import { sumOfConfusions } from '../metrics/evaluate-he.ts';
import { overallDice } from '../metrics/he-metrics.ts';
import { describeWithoutPrediction, withoutPrediction, withStrayPredictions } from '../metrics/without-prediction.ts';
import type { HeVerdictFile } from './verdict-file.ts';

/** The matrices of an ROI, 17 x 17; the published one where there is a published mask. */
export interface ScoredRoi {
  readonly ours: ConfusionMatrix;
  readonly published?: ConfusionMatrix;
}

/**
 * The annotated pixels that the published masks and ours leave out, and what is said of them.
 *
 * A matrix does not count a pixel that was predicted as no label, so that the other side's, where it has more of a true
 * label, tells how many there are.
 */
export function tissueWithoutPrediction(
  rois: readonly ScoredRoi[],
): Pick<HeVerdictFile, 'warnings'> & { readonly withoutPrediction: NonNullable<HeVerdictFile['withoutPrediction']> } {
  const both = rois.flatMap(({ ours, published }) => (published === undefined ? [] : [{ ours, published }]));
  const sides = {
    published: both.map(({ ours, published }) => filled(published, ours)),
    ours: rois.map(({ ours, published }) => filled(ours, published ?? ours)),
  };
  const sideOf = (confusions: readonly ConfusionMatrix[], whose: string) => {
    const total = sumOfConfusions(confusions);
    const without = withoutPrediction(total);
    const overall = { shown: overallDice(total), missed: without.all.overall };
    const said = without.pixels === 0 ? [] : [describeWithoutPrediction(whose, without, overall)];
    return { without, said };
  };
  const published = sideOf(sides.published, 'The published masks');
  const ours = sideOf(sides.ours, 'Our masks');
  return {
    withoutPrediction: { published: published.without, ours: ours.without },
    warnings: [...published.said, ...ours.said],
  };
}

function filled(confusion: ConfusionMatrix, other: ConfusionMatrix): ConfusionMatrix {
  return withStrayPredictions(
    confusion,
    Array.from({ length: other.size }, (_, label) => other.rowSum(label)),
  );
}
