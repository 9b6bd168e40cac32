import { describe, expect, it } from 'vitest';
import { VerdictConfig } from '../../../config/verdict-config.ts';
import { HE_LABELS } from '../../../toolkit/dataset/tissue-labels.ts';
import { countConfusion } from '../../../toolkit/metrics/he-metrics.ts';
import { compareMasks } from '../../../toolkit/verdict/compare-roi.ts';
import { type ComparedRoi, judgeTissue } from '../../../toolkit/verdict/judge-tissue.ts';

const TOLERANCES = VerdictConfig.parse({}).he;
const PIXELS = 40_000;
const OPTIONS = { lowConfidenceUpTo: TOLERANCES.tolerance.maxConfidence, labels: HE_LABELS.length };

/** An ROI half stroma, half tumour, of which the first `changed` published pixels were changed. */
function roi(name: string, changed: number, confidence: number): ComparedRoi {
  const truth = Uint8Array.from({ length: PIXELS }, (_, at) => (at < PIXELS / 2 ? 4 : 2));
  const ours = truth.slice();
  const published = truth.slice().fill(5, 0, changed);
  const confidences = new Uint16Array(PIXELS).fill(Math.round(confidence * 65_535));
  return {
    kind: 'compared',
    roi: name,
    comparison: compareMasks(published, ours, confidences, OPTIONS),
    published: countConfusion(truth, published),
    ours: countConfusion(truth, ours),
  };
}

const verdictOf = (...rois: ComparedRoi[]) => judgeTissue('he', rois, undefined, TOLERANCES).inference.verdict;

describe('judgeTissue', () => {
  it('reproduces up to 1e-4 of differing pixels, if each was a near tie', () => {
    expect(verdictOf(roi('a', 0, 0.9))).toBe('reproduced');
    expect(verdictOf(roi('a', 4, 1e-4))).toBe('reproduced');
    expect(verdictOf(roi('a', 5, 1e-4))).toBe('within tolerance');
    expect(verdictOf(roi('a', 1, 0.0002))).toBe('within tolerance');
  });

  it('tolerates up to 0.5 % of differing pixels with low confidence, and no more', () => {
    // The second ROI keeps the pooled Dice within its own tolerance.
    expect(verdictOf(roi('a', 200, 0.02), roi('b', 0, 0))).toBe('within tolerance');
    expect(verdictOf(roi('a', 201, 0.02), roi('b', 0, 0))).toBe('differs');
    expect(verdictOf(roi('a', 200, 0.02))).toBe('differs');
    expect(verdictOf(roi('a', 1, 0.021))).toBe('differs');
  });

  it('explains the differences, and lets half precision move a Dice past the tolerance', () => {
    const inferenceOf = (...rois: ComparedRoi[]) => judgeTissue('he', rois, undefined, TOLERANCES).inference;
    expect(inferenceOf(roi('a', 0, 0.9)).explanation).toBe('identical');
    expect(inferenceOf(roi('a', 5, 1e-4)).explanation).toBe('ties');
    // 200 of 40,000 pixels move a Dice by more than 0.005.
    expect(inferenceOf(roi('a', 200, 0.0045))).toMatchObject({
      verdict: 'within tolerance',
      explanation: 'half precision',
      reason: expect.stringContaining('Half precision, which the authors used'),
    });
    expect(inferenceOf(roi('a', 201, 0.0045))).toMatchObject({ verdict: 'differs', explanation: 'unexplained' });
    expect(inferenceOf(roi('a', 200, 0.011))).toMatchObject({ verdict: 'differs', explanation: 'unexplained' });
    const file = judgeTissue('he', [roi('a', 200, 0.0045), roi('b', 800, 0.5)], undefined, TOLERANCES);
    expect(file.rois.map(({ explanation }) => explanation)).toEqual(['half precision', 'unexplained']);
    expect(file.verdict).toBe('differs');
  });

  it('explains by half precision what repeated runs in it cover, and says how the published masks compare', () => {
    const halfPrecision = {
      runs: 5,
      differingFraction: { low: 0.001, high: 0.006 },
      largestConfidence: { low: 0, high: 0.012 },
      diceDifference: { low: 0, high: 0.01 },
    };
    const judge = (...rois: ComparedRoi[]) => judgeTissue('he', rois, undefined, { ...TOLERANCES, halfPrecision });
    // 240 of 40,000 pixels, past the tolerance of 0.5 %.
    const { inference, rois } = judge(roi('a', 240, 0.012));
    expect(inference).toMatchObject({
      verdict: 'within tolerance',
      explanation: 'half precision',
      reason: expect.stringContaining(
        'According to 5 repeated runs in half precision, one more would change 0.10 % to 0.60 %',
      ),
      halfPrecision: {
        differingFraction: { low: 0.001, high: 0.006, found: 0.006, within: true },
        largestConfidence: { within: true },
      },
    });
    expect(rois[0]).toMatchObject({ verdict: 'within tolerance', explanation: 'half precision' });
    expect(judge(roi('a', 241, 0.012)).inference).toMatchObject({ verdict: 'differs', explanation: 'unexplained' });
    expect(judge(roi('a', 240, 0.0121)).inference.verdict).toBe('differs');
    expect(judge(roi('a', 4, 0)).inference.halfPrecision?.differingFraction.within).toBe(false);
  });

  it('lets one ROI outside the tolerance make the task differ, and names it first', () => {
    const file = judgeTissue(
      'he',
      [roi('same', 0, 0), roi('slightly', 3, 0), roi('far', 800, 0.5)],
      undefined,
      TOLERANCES,
    );
    expect(file.verdict).toBe('differs');
    expect(file.rois.map(({ verdict }) => verdict)).toEqual(['reproduced', 'reproduced', 'differs']);
    expect(file.worst).toEqual([
      { roi: 'far', difference: 0.02 },
      { roi: 'slightly', difference: 3 / PIXELS },
    ]);
  });

  it('ignores classes with fewer than 10,000 ground-truth pixels', () => {
    const { dice } = judgeTissue('he', [roi('a', 0, 0)], undefined, TOLERANCES);
    const judged = dice.all.filter((metric) => metric.judged).map(({ name }) => name);
    expect(judged).toEqual(['Overall', 'Tumor cells', 'Stroma']);
    expect(dice.til.map(({ name }) => name)).toContain('Stroma and Inflammation');
  });

  it('leaves out an ROI that cannot be compared and says why', () => {
    const file = judgeTissue(
      'he',
      [roi('a', 0, 0), { kind: 'not compared', roi: 'b', reason: 'It is gone.' }],
      undefined,
      TOLERANCES,
    );
    expect(file.inference.verdict).toBe('reproduced');
    expect(file.inference.reason).toContain('1 ROI cannot be compared');
    expect(file.rois[1]).toEqual({ roi: 'b', verdict: 'not comparable', reason: 'It is gone.', difference: null });
    const alone = judgeTissue('he', [{ kind: 'not compared', roi: 'b', reason: 'It is gone.' }], undefined, TOLERANCES);
    expect(alone.verdict).toBe('not comparable');
  });

  it('compares the scores of the published masks with the published matrix, to the last count', () => {
    const one = roi('a', 7, 0);
    expect(judgeTissue('he', [one], one.published, TOLERANCES).evaluation.verdict).toBe('reproduced');
    const other = judgeTissue('he', [one], one.ours, TOLERANCES);
    expect(other.evaluation).toEqual({
      verdict: 'differs',
      reason: '2 of 289 counts differ from the published matrix.',
    });
    expect(other.verdict).toBe('differs');
    const partial = judgeTissue(
      'he',
      [one, { kind: 'not compared', roi: 'b', reason: 'It is gone.' }],
      one.published,
      TOLERANCES,
    );
    expect(partial.evaluation.verdict).toBe('not comparable');
  });
});

describe('compareMasks', () => {
  it('ignores pixels that one side did not predict', () => {
    const published = Uint8Array.of(1, 2, 255, 3);
    const ours = Uint8Array.of(1, 3, 2, 255);
    const confidences = Uint16Array.of(9, 6, 9, 9);
    const { between, ...counts } = compareMasks(published, ours, confidences, OPTIONS);
    expect(counts).toEqual({ pixels: 2, differing: 1, largestConfidence: 6 / 65_535, lowConfidence: 1 });
    expect(between[2]?.[3]).toBe(1);
    expect(between.flat().reduce((sum, count) => sum + count, 0)).toBe(2);
  });

  it('refuses masks of different lengths', () => {
    expect(() => compareMasks(new Uint8Array(2), new Uint8Array(3), new Uint16Array(3), OPTIONS)).toThrow(RangeError);
  });
});
