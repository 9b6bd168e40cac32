import { describe, expect, it } from 'vitest';
import {
  alphaImagesEntry,
  maskValues,
  negatedMasksEntry,
  paperCountsEntry,
} from '../../../../toolkit/verdict/discrepancies/pixel-entries.ts';

const countsOf = (...values: readonly number[]) =>
  Array.from({ length: 256 }, (_, value) => (values.includes(value) ? 7 : 0));

describe('what the discrepancy report says of the pixels of a record', () => {
  it('distinguishes labels from labels that are negated in a byte', () => {
    expect(maskValues(countsOf(0, 1, 16), 17)).toBe('labels');
    // patient1_he_roi1 of the published record; its mask with context holds 0 1 2 3 4 8 9 13.
    expect(maskValues(countsOf(243, 247, 248, 252, 253, 254, 255), 17)).toBe('negated');
    expect(maskValues(countsOf(0, 240), 17)).toBe('negated');
    expect(maskValues(countsOf(0, 239), 17)).toBe('other');
    expect(maskValues(countsOf(3, 255), 17)).toBe('other');
    expect(maskValues(countsOf(0), 17)).toBe('labels');
  });

  it('counts negated masks and images with alpha, and warns who trains on them', () => {
    const entry = negatedMasksEntry([
      { path: 'annotations/he/a.png', values: 'negated' },
      { path: 'annotations/he/b.png', values: 'labels' },
    ]);
    expect(entry).toMatchObject({
      status: 'affects the record',
      effect: '1 of 2 masks without context is negated.',
      affected: ['annotations/he/a.png'],
      what: expect.stringContaining('(256 - value) mod 256'),
    });
    const alpha = alphaImagesEntry([{ path: 'images/pdl1/pdl1/a.png', hasAlpha: true }]);
    expect(alpha).toMatchObject({ status: 'affects the record', affectedTotal: 1 });
    expect(alphaImagesEntry([]).status).toBe('no effect here');
  });

  it('compares the numbers of ROIs with those of the paper', () => {
    const paper = new Map([
      ['he', 408],
      ['pdl1/pdl1', 344],
      ['pdl1/nuclei', 135],
    ]);
    expect(paperCountsEntry(paper).status).toBe('no effect here');
    expect(paperCountsEntry(new Map([['he', 407]])).effect).toBe(
      'The overview lists 407 of 887: he 407 of 408, pdl1/pdl1 0 of 344, pdl1/nuclei 0 of 135.',
    );
  });
});
