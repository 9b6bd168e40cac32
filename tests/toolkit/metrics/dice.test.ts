import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { dicePerLabel, microDice } from '../../../toolkit/metrics/dice.ts';

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
