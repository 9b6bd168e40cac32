import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import {
  describeWithoutPrediction,
  dicePerLabel,
  labelCounts,
  microDice,
  withoutPrediction,
  withStrayPredictions,
} from '../../../toolkit/metrics/dice.ts';
import { countConfusion, overallDice } from '../../../toolkit/metrics/he-metrics.ts';
import { tissueWithoutPrediction } from '../../../toolkit/verdict/judge-tissue.ts';

const matrices = fc
  .integer({ min: 1, max: 6 })
  .chain((size) =>
    fc
      .array(fc.nat(1_000_000), { minLength: size * size, maxLength: size * size })
      .map((counts) => new ConfusionMatrix(size, counts)),
  );

describe('Dice', () => {
  it('is 2 TP / (2 TP + FP + FN) for every label', () => {
    const matrix = ConfusionMatrix.fromRows([
      [6, 2, 0],
      [0, 1, 3],
      [0, 0, 0],
    ]);
    expect(dicePerLabel(matrix)).toEqual([12 / 14, 2 / 7, 0]);
    expect(microDice(matrix)).toBe(7 / 12);
  });

  it('is 0 for a label that is neither annotated nor predicted, and for empty masks', () => {
    expect(dicePerLabel(ConfusionMatrix.zeros(3))).toEqual([0, 0, 0]);
    expect(microDice(ConfusionMatrix.zeros(3))).toBe(0);
  });

  it('is between 0 and 1 and symmetric in both masks', () => {
    fc.assert(
      fc.property(matrices, (matrix) => {
        const turned = ConfusionMatrix.fromRows(
          matrix.toRows().map((_, row) => matrix.toRows().map((_, column) => matrix.at(column, row))),
        );
        expect(dicePerLabel(turned)).toEqual(dicePerLabel(matrix));
        expect(microDice(turned)).toBe(microDice(matrix));
        for (const dice of [...dicePerLabel(matrix), microDice(matrix)]) {
          expect(dice).toBeGreaterThanOrEqual(0);
          expect(dice).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('follows the labels if they are renumbered', () => {
    fc.assert(
      fc.property(matrices, (matrix) => {
        const last = matrix.size - 1;
        const reversed = ConfusionMatrix.fromRows(
          matrix.toRows().map((row, truth) => row.map((_, prediction) => matrix.at(last - truth, last - prediction))),
        );
        expect(dicePerLabel(reversed)).toEqual(dicePerLabel(matrix).reverse());
        expect(microDice(reversed)).toBe(microDice(matrix));
      }),
    );
  });
});

const [STROMA, TUMOUR] = [4, 2];

/** 1,000 pixels of stroma and 1,000 of tumour, of which every tenth is predicted as the other. */
const truth = Uint8Array.from({ length: 2_000 }, (_, at) => (at < 1_000 ? STROMA : TUMOUR));
const confused = truth.map((label, at) => (at % 10 === 0 ? STROMA + TUMOUR - label : label));
const without = (prediction: Uint8Array) => {
  const confusion = countConfusion(truth, prediction);
  return {
    paper: overallDice(confusion),
    ...withoutPrediction(withStrayPredictions(confusion, labelCounts(truth))),
  };
};

describe('pixels without a prediction', () => {
  it("raise the paper's score, but not the score that counts them as missed", () => {
    expect(without(confused)).toMatchObject({ paper: 0.9, pixels: 0, share: 0, all: { overall: 0.9 } });
    for (const nothing of [0, 17, 255]) {
      const abstained = without(confused.map((label, at) => (at % 10 === 0 ? nothing : label)));
      expect(abstained).toMatchObject({ paper: 1, annotated: 2_000, pixels: 200, share: 0.1, all: { overall: 0.9 } });
      expect(abstained.all.perClass['Stroma']).toBeCloseTo((2 * 900) / (2 * 900 + 100), 12);
      expect(abstained.til.overall).toBe(0.9);
    }
  });

  it('never improve the score that counts them as missed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 50, maxLength: 50, max: 16 }), fc.array(fc.nat(49)), (labels, left) => {
        const prediction = truth.map((_, at) => labels[at % 50] ?? 0);
        const fewer = prediction.map((label, at) => (left.includes(at % 50) ? 0 : label));
        expect(without(fewer).all.overall).toBeLessThanOrEqual(without(prediction).all.overall);
      }),
      { numRuns: 50 },
    );
  });

  it('cause a warning above 0.1 %', () => {
    const say = (share: number) => {
      const pixels = Math.round(share * 1e6);
      return describeWithoutPrediction('The masks', { annotated: 1e6, pixels, share }, { shown: 0.95, missed: 0.9 });
    };
    expect(say(0.00001)).toBe(
      'The masks have no prediction for 10 of 1,000,000 annotated pixels (less than 0.01 %): Unannotated, or a value that is not a label. ' +
        'If they count as missed, the overall Dice is 0.9000 instead of 0.9500.',
    );
    expect(say(0.001)).not.toContain('WARNING');
    expect(say(0.0011)).toMatch(/^WARNING: .*\(0\.11 %\).*the overall Dice is 0\.9000 instead of 0\.9500/);
  });
});

describe('the verdict on masks', () => {
  it('reports them for both sides, also where a value is not a label', () => {
    const ours = countConfusion(truth, truth);
    const published = countConfusion(
      truth,
      truth.map((label, at) => (at % 4 === 0 ? 255 : label)),
    );
    const { withoutPrediction: sides, warnings } = tissueWithoutPrediction([{ ours, published }, { ours }]);
    expect(sides.published).toMatchObject({ annotated: 2_000, pixels: 500, all: { overall: 0.75 } });
    expect(sides.ours).toMatchObject({ annotated: 4_000, pixels: 0 });
    expect(warnings).toEqual([
      expect.stringMatching(/^WARNING: The published masks have no prediction for 500 of 2,000/),
    ]);
  });
});
