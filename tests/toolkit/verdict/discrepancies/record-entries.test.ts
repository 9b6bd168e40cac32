import { describe, expect, it } from 'vitest';
import { paperCountsEntry, publishedDigestsEntry } from '../../../../toolkit/verdict/discrepancies/paper-entries.ts';
import {
  alphaImagesEntry,
  maskValues,
  negatedMasksEntry,
  strayFilesEntry,
  strayValues,
} from '../../../../toolkit/verdict/discrepancies/record-entries.ts';

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

  it('counts negated masks and images with alpha, and warns about training on them', () => {
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

  it('compares the boxes of the COCO file with most images with those of the paper', () => {
    const rows = new Map([
      ['he', 408],
      ['pdl1/pdl1', 344],
      ['pdl1/nuclei', 135],
    ]);
    const readers = { path: 'annotations/pdl1/pdl1/readers.json', images: 20, boxes: 9 };
    const all = { path: 'annotations/pdl1/pdl1/all.json', images: 344, boxes: 845_509 };
    const nuclei = { path: 'annotations/pdl1/nuclei/all.json', images: 135, boxes: 83_498 };
    const files = new Map([
      ['pdl1/pdl1', [readers, all]],
      ['pdl1/nuclei', [nuclei]],
    ]);
    expect(paperCountsEntry(rows, files)).toMatchObject({ status: 'no effect here', affected: [] });
    files.set('pdl1/nuclei', [{ ...nuclei, boxes: 83_497 }]);
    expect(paperCountsEntry(rows, files)).toMatchObject({
      status: 'affects the record',
      effect: expect.stringContaining('Boxes: annotations/pdl1/pdl1/all.json 845509 of 845509, '),
      affected: ['annotations/pdl1/nuclei/all.json 83497 of 83498'],
    });
  });

  it('names the files with values that are not labels', () => {
    const strays = strayValues(countsOf(0, 16, 17, 255), 17);
    expect([...strays]).toEqual([
      [17, 7],
      [255, 7],
    ]);
    const entry = strayFilesEntry([
      { path: 'annotations/he/a_with_context.png', split: 'test', strays: new Map([[255, 1]]) },
      { path: 'annotations/he/b_with_context.png', split: 'train', strays: new Map() },
    ]);
    expect(entry).toMatchObject({
      status: 'affects the record',
      effect: '1 of 2 masks with context holds such values, 1 of them in the test set.',
      affected: ['annotations/he/a_with_context.png: 255 in 1 pixel'],
    });
  });

  it('explains a published digest of the encoded overview with both values', () => {
    const overview = { key: 'data_overview.csv', published: 'f'.repeat(64), sha256: '1'.repeat(64) };
    const images = { key: 'images.zip', published: 'a', sha256: 'a' };
    const entry = publishedDigestsEntry([{ ...overview, packed: 'gzip-encoded at level 6' }, images]);
    expect(entry).toMatchObject({
      status: 'affects the record',
      effect: '1 of 2 files have the published value; a different value: data_overview.csv.',
    });
    expect(entry.affected).toEqual([
      `data_overview.csv: here ${'1'.repeat(64)}, published ${'f'.repeat(64)}, that of the file gzip-encoded at level 6`,
    ]);
    expect(publishedDigestsEntry([{ ...images, sha256: undefined }]).status).toBe('not measured');
  });
});
