import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HE_LABELS } from '../../../toolkit/dataset/tissue-labels.ts';
import { agreementScores } from '../../../toolkit/metrics/agreement.ts';
import { cellSubset, subsetAgreement, subsetDice, tissueSubset } from '../../../toolkit/metrics/class-subset.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { labelCounts, withStrayPredictions } from '../../../toolkit/metrics/dice.ts';
import { countConfusion, diceScores } from '../../../toolkit/metrics/he-metrics.ts';
import { PDL1 } from '../../../toolkit/tasks/registry.ts';

const LABELS = HE_LABELS.length;
const mask = (values: fc.Arbitrary<number>) =>
  fc
    .uint8Array({ minLength: 60, maxLength: 60 })
    .chain((seeds) =>
      fc.array(values, { minLength: seeds.length, maxLength: seeds.length }).map((labels) => Uint8Array.from(labels)),
    );
const truths = mask(fc.nat(LABELS - 1));
/** Background to the last label: nothing is left out. */
const whole = mask(fc.integer({ min: 1, max: LABELS - 1 }));
/** Some of it Unannotated, or no label. */
const partial = mask(fc.oneof(fc.nat(LABELS - 1), fc.constant(0), fc.constant(255)));
const asked = fc.uniqueArray(fc.integer({ min: 2, max: LABELS - 1 }), { minLength: 1, maxLength: 15 });

describe('some classes of tissue', () => {
  it('score as among all classes if none is left out', () => {
    fc.assert(
      fc.property(truths, whole, asked, (truth, prediction, values) => {
        const confusion = countConfusion(truth, prediction);
        const all = diceScores(confusion, HE_LABELS).perClass;
        const { dice, missed } = subsetDice(confusion, tissueSubset(values));
        for (const value of values) {
          const name = HE_LABELS[value]?.name ?? '';
          expect(dice.perClass[name]).toBeCloseTo(all[name] ?? Number.NaN, 12);
        }
        expect(missed).toEqual(dice);
      }),
    );
  });

  it('count left-out classes as `other`, pixel by pixel', () => {
    fc.assert(
      fc.property(truths, partial, asked, (truth, prediction, values) => {
        const confusion = withStrayPredictions(countConfusion(truth, prediction), labelCounts(truth));
        const subset = tissueSubset(values);
        const { dice } = subsetDice(confusion, subset);
        if (subset.merged.length === 0) return;
        const placeOf = (label: number) => (label === 1 ? 1 : values.includes(label) ? values.indexOf(label) + 2 : -1);
        for (const [k, name] of subset.names.entries()) {
          const place = name === 'other' ? -1 : k + 2;
          let [hits, both] = [0, 0];
          for (const [at, of] of truth.entries()) {
            // True Background and what is not annotated have no truth in the paper's protocol.
            if (of < 2) continue;
            const [isTruth, isPredicted] = [placeOf(of) === place, placeOf(prediction[at] ?? 0) === place];
            if (isTruth && isPredicted) hits++;
            both += Number(isTruth) + Number(isPredicted);
          }
          expect(dice.perClass[name]).toBeCloseTo(both === 0 ? 0 : (2 * hits) / both, 12);
        }
      }),
    );
  });
});

describe('some classes of cells', () => {
  it('merge the others after matching', () => {
    const counts = ConfusionMatrix.fromRows([
      [8, 1, 2, 3],
      [0, 5, 1, 1],
      [2, 0, 9, 4],
      [1, 2, 3, 0],
    ]);
    const subset = cellSubset(PDL1.classes, [1]);
    expect(subset).toMatchObject({
      names: [PDL1.classes[1], 'other'],
      merged: [PDL1.classes[0], PDL1.classes[2]],
    });
    const { scores, confusion } = subsetAgreement(counts, subset);
    expect(confusion.toRows()).toEqual([
      [5, 1, 1],
      [1, 21, 7],
      [2, 4, 0],
    ]);
    expect(scores.f1[0]).toBe(agreementScores(counts).f1[1]);
  });
});
