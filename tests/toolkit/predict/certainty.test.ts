import { describe, expect, it } from 'vitest';
import { cellCertaintyNotes } from '../../../toolkit/predict/certainty.ts';

describe('cellCertaintyNotes', () => {
  it('says how many candidates are not counted', () => {
    expect(cellCertaintyNotes({ medianScore: 0.8, weakCandidates: 2 }, { recorded: 0.1, confidence: 0.25 })).toEqual([
      'The median detection score of its cells is 0.80. 2 candidates have detection scores between 0.1 and 0.25 and are not counted.',
    ]);
  });

  it.each([0, 0.001])('leaves out candidates between %d and itself', (threshold) => {
    const range = { recorded: threshold, confidence: threshold };
    expect(cellCertaintyNotes({ medianScore: 0.8, weakCandidates: 0 }, range)).toEqual([
      'The median detection score of its cells is 0.80.',
    ]);
    expect(cellCertaintyNotes({ weakCandidates: 0 }, range)).toEqual([]);
  });
});
