import { describe, expect, it } from 'vitest';
import { HE_LABELS } from '../../../toolkit/dataset/tissue-labels.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { correctedDice, diceWithBackground, diceWithUnannotatedMissed } from '../../../toolkit/metrics/dice.ts';
import { diceScores } from '../../../toolkit/metrics/he-metrics.ts';

const [UNANNOTATED, BACKGROUND, TUMOUR] = [0, 1, 2];

/** A 17 x 17 matrix of the counts [truth, prediction, pixels]. */
function confusionOf(...counts: readonly (readonly [number, number, number])[]): ConfusionMatrix {
  const cells = new Float64Array(17 * 17);
  for (const [truth, prediction, pixels] of counts) cells[truth * 17 + prediction] = pixels;
  return new ConfusionMatrix(17, cells);
}

describe('corrected Dice', () => {
  const confusion = confusionOf(
    [UNANNOTATED, TUMOUR, 1_000],
    [BACKGROUND, BACKGROUND, 6],
    [BACKGROUND, TUMOUR, 2],
    [TUMOUR, TUMOUR, 8],
    [TUMOUR, UNANNOTATED, 4],
  );

  it("does not change the paper's score: Background predicted as tumour and tumour predicted as Unannotated both vanish", () => {
    expect(diceScores(confusion, HE_LABELS).perClass['Tumor cells']).toBe(1);
  });

  it('counts true Background', () => {
    const { perClass } = diceWithBackground(confusion);
    expect(perClass).toMatchObject({ Background: 12 / 14, 'Tumor cells': 16 / 18 });
  });

  it('counts tissue predicted as Unannotated as missed', () => {
    expect(diceWithUnannotatedMissed(confusion).perClass['Tumor cells']).toBe(16 / 20);
  });

  it('counts both, but never unannotated pixels', () => {
    const { all, til } = correctedDice(confusion);
    expect(all.perClass).toMatchObject({ Background: 12 / 14, 'Tumor cells': 16 / 22 });
    expect(all.overall).toBe(14 / 20);
    expect(til.perClass['Tumor cells']).toBe(16 / 22);
  });
});
