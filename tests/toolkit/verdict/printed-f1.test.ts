import { describe, expect, it } from 'vitest';
import { agreementScores } from '../../../toolkit/metrics/agreement.ts';
import { ConfusionMatrix } from '../../../toolkit/metrics/confusion-matrix.ts';
import { formatTwoDecimals } from '../../../toolkit/numpy.ts';
import { compareWithPrinted } from '../../../toolkit/verdict/printed-f1.ts';

const macro = (rows: readonly (readonly number[])[]) => agreementScores(ConfusionMatrix.fromRows(rows)).macro.f1;
const printedAs = (value: number) => Number(formatTwoDecimals(value));

const SMALL = [
  [80, 10, 5],
  [7, 60, 9],
  [11, 4, 0],
];
/** A cell beyond 65,535 starts again at 0 in the authors' matrices. */
const LARGE = [
  [70_000, 900, 500],
  [700, 60_000, 900],
  [1_100, 400, 0],
];
const WRAPPED = LARGE.map((row) => row.map((count) => count % 65_536));

const metrics = (confusion: readonly (readonly number[])[]) => ({
  groups: {
    nuclei: {
      readers: ['reader R1', 'reader R2', 'AI'],
      f1: {
        macro: [
          [null, null, macro(confusion)],
          [null, null, macro(SMALL)],
          [null, null, null],
        ],
      },
      confusion: {
        'reader R1|reader R2': null,
        'reader R1|AI': confusion.map((row) => [...row]),
        'reader R2|AI': SMALL,
      },
    },
  },
});

const printed = (values: Readonly<Record<string, number>>, unread: readonly string[] = []) => ({
  values,
  source: 'in f1_scores_nuclei.png',
  unread,
});

describe('the published points, scored here, against F1 values in print', () => {
  it('reproduces them within the rounding of two decimals; a pair without images is drawn as 0.00', () => {
    const values = {
      'reader R1|reader R2': 0,
      'reader R1|AI': printedAs(macro(SMALL)),
      'reader R2|AI': printedAs(macro(SMALL)),
    };
    expect(compareWithPrinted(metrics(SMALL), printed(values))).toEqual({
      verdict: 'reproduced',
      reason: 'All 3 F1 values printed in f1_scores_nuclei.png are reproduced.',
    });
    const off = { ...values, 'reader R1|AI': printedAs(macro(SMALL)) + 0.01 };
    expect(compareWithPrinted(metrics(SMALL), printed(off))).toEqual({
      verdict: 'differs',
      reason: 'F1 values printed in f1_scores_nuclei.png are not reproduced: reader R1|AI.',
    });
    expect(compareWithPrinted(metrics(SMALL), printed({ 'reader R9|AI': 0.5 })).verdict).toBe('differs');
  });

  it('finds values that come from counts that wrapped at 65,536, and says so', () => {
    const values = { 'reader R1|AI': printedAs(macro(WRAPPED)), 'reader R2|AI': printedAs(macro(SMALL)) };
    expect(printedAs(macro(WRAPPED))).not.toBe(printedAs(macro(LARGE)));
    expect(compareWithPrinted(metrics(LARGE), printed(values))).toEqual({
      verdict: 'reproduced',
      reason: expect.stringMatching(/counts that wrap at 65,536.*without wrapping reader R1\|AI would differ/),
      counts: 'wrapped',
      overflowing: [{ name: 'nuclei: reader R1|AI', wrapped: macro(WRAPPED), unwrapped: macro(LARGE) }],
    });
    const whole = { ...values, 'reader R1|AI': printedAs(macro(LARGE)) };
    expect(compareWithPrinted(metrics(LARGE), printed(whole))).toMatchObject({
      verdict: 'reproduced',
      reason: expect.stringMatching(/are reproduced\. Counts that wrap at 65,536 would give other values\.$/),
      counts: 'unwrapped',
    });
  });

  it('cannot be compared without values, and says which figures were not read', () => {
    expect(compareWithPrinted(metrics(SMALL), undefined)).toMatchObject({
      verdict: 'not comparable',
      reason: expect.stringContaining('No F1 is published as a number'),
    });
    expect(compareWithPrinted(metrics(SMALL), printed({}, ['f1_scores_nuclei.png (too small)']))).toEqual({
      verdict: 'not comparable',
      reason: 'No F1 could be read from the published figures: f1_scores_nuclei.png (too small).',
    });
  });
});
