import { expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import type { PointsComparison } from '../../../toolkit/verdict/compare-roi.ts';
import { judgeCells } from '../../../toolkit/verdict/judge-cells.ts';
import { judgeTissue } from '../../../toolkit/verdict/judge-tissue.ts';
import { partialCoverage } from '../../../toolkit/verdict/verdict-file.ts';
import { agreementOracle } from '../metrics/agreement-oracle.ts';

const left = (roi: string) => ({ roi, verdict: 'not comparable', reason: 'There is no mask.' }) as const;
const config = VerdictConfig.parse({});

it('names ROIs that a verdict does not cover, unless it covers none', () => {
  const done = { roi: 'a', verdict: 'reproduced' } as const;
  expect(partialCoverage([done])).toEqual([]);
  expect(partialCoverage([left('b')])).toEqual([]);
  expect(partialCoverage([done, left('b')])).toEqual([
    'WARNING: The verdict covers only 1 of 2 ROIs. Not compared: b: There is no mask.',
  ]);
  const [many] = partialCoverage([done, ...['b', 'c', 'd', 'e', 'f'].map(left)]);
  expect(many).toMatch(/covers only 1 of 6 ROIs\. .* d: There is no mask\. And 2 more\.$/);
});

const NONE: PointsComparison = {
  ours: 0,
  published: 0,
  matched: 0,
  farthest: 0,
  extra: 0,
  missing: 0,
  unexplained: 0,
};
const cells = (comparison: PointsComparison) =>
  judgeCells({
    task: 'nuclei',
    annotations: { ...agreementOracle('open', 'nuclei').annotations, images: [] },
    config,
    images: [
      { kind: 'compared', roi: 'a', comparison, published: [], ours: [] },
      { kind: 'not compared', roi: 'b', reason: 'There are no points.' },
    ],
  });

it('causes a warning in the verdict on points', () => {
  expect(cells({ ...NONE, ours: 1, published: 1, matched: 1 })).toMatchObject({
    verdict: 'reproduced',
    warnings: ['WARNING: The verdict covers only 1 of 2 ROIs. Not compared: b: There are no points.'],
  });
});

it('reproduces nothing if no comparable image has a point', () => {
  expect(cells(NONE)).toMatchObject({
    verdict: 'not comparable',
    inference: { reason: 'No image that can be compared has a point.' },
  });
});

it('causes a warning in the verdict on masks', () => {
  const between = Array.from({ length: 17 }, () => new Array<number>(17).fill(0));
  const comparison = { pixels: 1, differing: 0, largestConfidence: 0, lowConfidence: 0, between };
  const counts = ConfusionMatrix.fromRows(between);
  const rois = [
    { kind: 'compared', roi: 'a', comparison, published: counts, ours: counts },
    { kind: 'not compared', ...left('b') },
  ] as const;
  expect(judgeTissue('he', rois, counts, config.he)).toMatchObject({
    verdict: 'reproduced',
    evaluation: { verdict: 'not comparable', reason: expect.stringContaining('1 of 2 cannot be compared') },
    warnings: [expect.stringContaining('covers only 1 of 2 ROIs. Not compared: b: There is no mask.')],
  });
});

it('warns if boxes of an image were left out by the limit of the scripts', () => {
  const judged = judgeCells({
    task: 'nuclei',
    annotations: { ...agreementOracle('open', 'nuclei').annotations, images: [] },
    config,
    images: [
      { kind: 'compared', roi: 'a', comparison: NONE, published: [], ours: [], overLimit: 1_200 },
      { kind: 'compared', roi: 'b', comparison: NONE, published: [], ours: [], overLimit: 0 },
    ],
  });
  expect(judged.warnings).toEqual([
    "WARNING: 1,200 boxes were left out, because reignite, like the authors' script, keeps at most 1,500 per tile: a. " +
      'The cells found there are incomplete.',
  ]);
});
