import { describe, expect, it } from 'vitest';
import { classByName } from '../../../toolkit/dataset/category-classes.ts';
import { parseReaderAnnotations } from '../../../toolkit/dataset/readers-annotations.ts';
import { PDL1 } from '../../../toolkit/tasks/registry.ts';

/** A file of readers P1 and P4 whose categories have these ids and names; an annotation of each. */
function doubtOf(idOf: (reader: number, k: number) => number, names: readonly (string | undefined)[]) {
  const categories = [1, 4].flatMap((reader, at) =>
    names.map((name, k) => ({ id: idOf(at, k), name, supercategory: `reader P${reader}` })),
  );
  const annotations = categories.map(({ id: category_id }, id) => ({
    id,
    image_id: 0,
    category_id,
    bbox: [1, 1, 8, 8],
  }));
  const images = [{ id: 0, file_name: 'a.png', annotated_xyxy: [0, 0, 9, 9] }];
  return parseReaderAnnotations({ images, annotations, categories }, 'pdl1', 'readers.json').doubt;
}

const [negative, positive, other] = PDL1.classes;
const UNNAMED = [undefined, undefined, undefined];

describe('classByName', () => {
  it.each([
    [negative, 0],
    [positive, 1],
    [other, 2],
    ['PD-L1 Positive tumour cell', 1],
    ['Non-Tumour', 2],
    ['negative', 0],
    ['other', 2],
    ['class 1', undefined],
    ['positive or negative', undefined],
    ['', undefined],
  ])('understands "%s"', (name, of) => {
    expect(classByName(name, 'pdl1')).toBe(of);
    expect(classByName(name, 'nuclei')).toBe(0);
  });
});

describe('the doubt about categories', () => {
  it.each([
    ['the names and ids of the record', (at: number, k: number) => 3 * at + k + 1, PDL1.classes],
    ['names without meaning', (at: number, k: number) => 3 * at + k + 1, ['a', 'b', 'c']],
    ['no names', (at: number, k: number) => 3 * at + k + 1, UNNAMED],
    ['a gap between readers that changes no class', (at: number, k: number) => 9 * at + k + 1, PDL1.classes],
    ['a file of fewer classes', (at: number, k: number) => 3 * at + k + 2, [positive]],
  ])('is none with %s', (_, idOf, names) => {
    expect(doubtOf(idOf, names)).toBeUndefined();
  });

  it.each([
    ['ids from 0', (at: number, k: number) => 3 * at + k, PDL1.classes, 6, { id: 0, taken: other, meant: negative }],
    [
      'ids from 0 without names',
      (at: number, k: number) => 3 * at + k,
      UNNAMED,
      6,
      { id: 0, taken: other, meant: null },
    ],
    ['a gap', (at: number, k: number) => 4 * at + k + 1, PDL1.classes, 3, { id: 5, taken: positive, meant: negative }],
    [
      'another order',
      (at: number, k: number) => 3 * at + k + 1,
      [positive, negative, other],
      4,
      { id: 1, meant: positive },
    ],
  ])('names the categories with %s', (_, idOf, names, annotations, first) => {
    const doubt = doubtOf(idOf, names);
    expect(doubt).toMatchObject({ annotations });
    expect(doubt?.categories).toHaveLength(annotations);
    expect(doubt?.categories[0]).toMatchObject(first);
  });
});
