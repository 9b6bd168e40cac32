import { describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { explanationOf } from '../../../toolkit/verdict/judge-cells.ts';
import type { PointsComparison } from '../../../toolkit/verdict/verdict-file.ts';

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

describe('what explains that points differ', () => {
  it('is nothing, the threshold, a shift, few points, or not known', () => {
    expect(explained({})).toBe('identical');
    expect(explained({ matched: 99, missing: 1 })).toBe('near the threshold');
    expect(explained({ farthest: 1.5, unexplained: 2 })).toBe('moved');
    expect(explained({ ours: 999, published: 1_000, matched: 992, missing: 8, extra: 7, unexplained: 8 })).toBe(
      'few points',
    );
    expect(explained({ matched: 90, missing: 10, extra: 10, unexplained: 20 })).toBe('unexplained');
  });
});
