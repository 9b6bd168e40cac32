import { describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import type { PointsComparison } from '../../../toolkit/verdict/compare-roi.ts';
import { explanationOf, judgeCells } from '../../../toolkit/verdict/judge-cells.ts';
import { agreementOracle } from '../metrics/agreement-oracle.ts';

const TOLERANCES = VerdictConfig.parse({}).cells;
const SAME: PointsComparison = {
  ours: 100,
  published: 100,
  matched: 100,
  farthest: 0.01,
  extra: 0,
  missing: 0,
  unexplained: 0,
};
const explained = (changed: Partial<PointsComparison>) => explanationOf({ ...SAME, ...changed }, TOLERANCES);

describe('the explanation of differing points', () => {
  it('is nothing, the threshold, a shift, few points, or unknown', () => {
    expect(explained({})).toBe('identical');
    expect(explained({ matched: 99, missing: 1 })).toBe('near the threshold');
    expect(explained({ farthest: 1.5, unexplained: 2 })).toBe('moved');
    expect(explained({ ours: 999, published: 1_000, matched: 992, missing: 8, extra: 7, unexplained: 8 })).toBe(
      'few points',
    );
    expect(explained({ matched: 90, missing: 10, extra: 10, unexplained: 20 })).toBe('unexplained');
  });

  it('has no distance of matched points if none matched', () => {
    const reasonOf = (matched: number) =>
      judgeCells({
        task: 'nuclei',
        annotations: { ...agreementOracle('open', 'nuclei').annotations, images: [] },
        config: VerdictConfig.parse({}),
        images: [
          {
            kind: 'compared',
            roi: 'a',
            comparison: { ...SAME, farthest: 0, matched, missing: 100 - matched },
            published: [],
            ours: [],
          },
        ],
      }).inference.reason;
    expect(reasonOf(0)).toMatch(/^0 of 100 published points matched, 0 more found in this run only; the largest diff/);
    expect(reasonOf(1)).toContain('; the largest distance of a matched point is 0.000 px; ');
  });

  it('names the settings of the run if they differ from those of the published points', () => {
    const judged = (hasOtherSettings: boolean) =>
      judgeCells({
        task: 'nuclei',
        annotations: { ...agreementOracle('open', 'nuclei').annotations, images: [] },
        config: VerdictConfig.parse({}),
        images: [
          {
            kind: 'compared',
            roi: 'a',
            comparison: { ...SAME, matched: 50, missing: 50, unexplained: 50 },
            published: [],
            ours: [],
          },
        ],
        hasOtherSettings,
      });
    expect(judged(false).rois[0]).toMatchObject({ verdict: 'differs', explanation: 'unexplained' });
    expect(judged(true).rois[0]).toMatchObject({ verdict: 'differs', explanation: 'changed settings' });
    expect(judged(true).inference.reason).toContain('other settings than those of the published points');
  });
});
