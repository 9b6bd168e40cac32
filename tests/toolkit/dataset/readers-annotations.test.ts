import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReaderAnnotations, readReaderAnnotations } from '../../../toolkit/dataset/readers-annotations.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { AGREEMENT_RECORDS, agreementOracle } from '../metrics/agreement-oracle.ts';

const box = [0, 0, 100, 100];
const image = (id: number, file_name = `image${id}.png`) => ({ id, file_name, annotated_xyxy: box });
const annotation = (id: number, image_id: number, category_id: number, bbox = [10, 20, 16, 16]) => ({
  id,
  image_id,
  category_id,
  bbox,
});
const pdl1Categories = Array.from({ length: 18 }, (_, k) => ({
  id: k + 1,
  supercategory: `reader P${Math.floor(k / 3) + 1}`,
}));
const small = () => ({
  images: [image(0)],
  annotations: [annotation(0, 0, 1)],
  categories: pdl1Categories,
});
const parse = (document: unknown) => parseReaderAnnotations(document, 'pdl1', 'readers.json');

describe('parseReaderAnnotations', () => {
  it.each(AGREEMENT_RECORDS)('finds the same points of %s %s as the authors', (tree, task) => {
    const { annotations, expected } = agreementOracle(tree, task);
    for (const [reader, ofReader] of annotations.points) {
      const images = Object.fromEntries(
        [...ofReader].map(([id, points]) => [id, points.map(({ x, y, class: of }) => [x, y, of])]),
      );
      expect(images, reader).toEqual(expected.points[reader] ?? {});
    }
    expect(annotations.points.size).toBe(task === 'nuclei' ? 4 : 6);
    expect(annotations.unused).toEqual([]);
  });

  it('offsets every box by that of the annotation with ID 0, rounded down', () => {
    const { points } = parse({
      ...small(),
      annotations: [annotation(7, 0, 1, [10, 20, 40, 40]), annotation(0, 0, 1, [1, 2.5, 30, 17])],
    });
    expect(points.get('reader P1')?.get(0)).toEqual([
      { x: 18, y: 28, class: 0 },
      { x: 9, y: 10.5, class: 0 },
    ]);
  });

  it.each([
    [17.9, 8],
    [-3, -2],
    [-0.5, -1],
    [0, 0],
  ])('halves a height of %d to %d, as Python does', (height, offset) => {
    const { points } = parse({ ...small(), annotations: [annotation(0, 0, 1, [0, 0, 1, height])] });
    expect(points.get('reader P1')?.get(0)?.[0]?.x).toBe(offset);
  });

  it.each([
    [0, 2],
    [-1, 1],
    [1, 0],
    [2, 1],
    [3, 2],
    [18, 2],
  ])('gives category %i the class %i', (id, of) => {
    const { points } = parse({
      ...small(),
      annotations: [annotation(0, 0, id)],
      categories: [{ id, supercategory: 'reader P2' }],
    });
    expect(points.get('reader P2')?.get(0)).toEqual([{ x: 18, y: 28, class: of }]);
  });

  it('gives every category of nuclei the class 0', () => {
    const categories = [{ id: 3, supercategory: 'reader R1' }];
    const document = { images: [image(0)], annotations: [annotation(0, 0, 3)], categories };
    const { points, groups } = parseReaderAnnotations(document, 'nuclei', 'readers.json');
    expect(points.get('reader R1')?.get(0)).toEqual([{ x: 18, y: 28, class: 0 }]);
    expect(groups).toEqual([{ name: 'nuclei', readers: ['reader R1', 'reader R2', 'reader R3', 'reader R4'] }]);
  });

  it('finds a reader by a part of the name, and keeps the name in the file', () => {
    const categories = [
      { id: 1, supercategory: 'P1' },
      { id: 4, supercategory: 'reader P2' },
    ];
    const { groups, points } = parse({ ...small(), categories });
    expect(groups[0]?.readers).toEqual(['P1', 'reader P2', 'reader P3']);
    expect(points.get('P1')?.get(0)).toHaveLength(1);
  });

  it("uses a reader's full name if two readers in the file match", () => {
    const categories = [
      { id: 1, supercategory: 'P1' },
      { id: 2, supercategory: 'reader P1' },
    ];
    expect(parse({ ...small(), categories }).groups[0]?.readers[0]).toBe('reader P1');
  });

  it.each(['reader', '', 'reader P', 'P'])('refuses the supercategory "%s", which fits several readers', (name) => {
    const categories = [...pdl1Categories, { id: 19, supercategory: name }];
    expect(() => parse({ ...small(), categories })).toThrow(`the supercategory "${name}" of category 19 fits several`);
  });

  it('rejects a file without any of the readers', () => {
    const categories = pdl1Categories.map(({ id }) => ({ id, supercategory: 'pathologist 1' }));
    expect(() => parse({ ...small(), categories })).toThrow('no category belongs to one of reader P1, reader P2');
  });

  it('counts annotations without a reader or image', () => {
    const { unused } = parse({
      images: [image(0)],
      annotations: [annotation(0, 0, 1), annotation(1, 0, 99), annotation(2, 0, 19), annotation(3, 5, 1)],
      categories: [...pdl1Categories, { id: 19, supercategory: 'someuser' }],
    });
    expect(unused).toEqual([
      { reason: 'category of no reader', ids: [19, 99], annotations: 2 },
      { reason: 'image not listed', ids: [5], annotations: 1 },
    ]);
  });

  it('sorts images by their IDs, whatever the first one is', () => {
    const { images } = parse({ ...small(), images: [image(3), image(1), image(2)] });
    expect(images.map(({ id, stem, fileName }) => [id, stem, fileName])).toEqual([
      [1, 'image1', 'image1.png'],
      [2, 'image2', 'image2.png'],
      [3, 'image3', 'image3.png'],
    ]);
  });

  it('needs none of the other fields', () => {
    const { images } = parse({
      ...small(),
      info: 3,
      images: [{ ...image(0), width: 'wide', height: null, license: 1 }],
    });
    expect(images).toEqual([{ id: 0, fileName: 'image0.png', stem: 'image0', annotatedXyxy: box }]);
  });

  const without = (item: object, field: string) =>
    Object.fromEntries(Object.entries(item).filter(([name]) => name !== field));

  it.each([
    ...['id', 'file_name', 'annotated_xyxy'].map((field) => ['images', field] as const),
    ...['id', 'image_id', 'category_id', 'bbox'].map((field) => ['annotations', field] as const),
    ...['id', 'supercategory'].map((field) => ['categories', field] as const),
  ])('names the field that %s lack: %s', (list, field) => {
    const document = small();
    const broken = { ...document, [list]: [without(document[list][0] ?? {}, field)] };
    expect(() => parse(broken)).toThrow(
      expect.objectContaining({
        code: 'ANNOTATIONS_INVALID',
        message: expect.stringContaining(`readers.json: ${list}.0.${field}: `),
      }),
    );
  });

  it.each([
    ['another document', [], 'readers.json: the document: '],
    ['no images', { annotations: [], categories: [] }, 'readers.json: images: '],
    ['an empty list of images', { ...small(), images: [] }, 'lists no image to score'],
    ['a box of three', { ...small(), annotations: [annotation(0, 0, 1, [1, 2, 3])] }, 'annotations.0.bbox'],
    ['an image in another folder', { ...small(), images: [image(0, '../up.png')] }, 'images.0.file_name'],
    ['an image without a name', { ...small(), images: [image(0, '..')] }, 'images.0.file_name'],
    ['no annotation of id 0', { ...small(), annotations: [annotation(1, 0, 1)] }, 'no annotation has the id 0'],
    ['no annotation', { ...small(), annotations: [] }, 'there are no annotations to score'],
    [
      'an id twice',
      { ...small(), annotations: [annotation(0, 0, 1), annotation(0, 0, 2)] },
      'annotations.1.id: the id 0 occurs twice in annotations, first at annotations.0.id',
    ],
    ['two images of one stem', { ...small(), images: [image(0, 'a.png'), image(1, 'a.jpg')] }, 'a.png and a.jpg'],
  ])('refuses %s', (_, document, message) => {
    expect(() => parse(document)).toThrow(
      expect.objectContaining({ code: 'ANNOTATIONS_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('returns a result or a ReigniteError, whatever one field contains', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('images', 'annotations', 'categories'),
        fc.constantFrom('id', 'file_name', 'annotated_xyxy', 'image_id', 'category_id', 'bbox', 'supercategory'),
        fc.jsonValue(),
        (list, field, value) => {
          const document = small();
          const broken = { ...document, [list]: [{ ...document[list][0], [field]: value }] };
          try {
            parse(broken);
          } catch (error) {
            expect(error).toMatchObject({ code: 'ANNOTATIONS_INVALID' });
          }
        },
      ),
    );
  });
});

describe('readReaderAnnotations', () => {
  it('reads a file', async () => {
    const folder = join(import.meta.dirname, '../../fixtures/agreement/open/pdl1');
    const { images } = await readReaderAnnotations(join(folder, 'readers.json'), 'pdl1');
    expect(images).toHaveLength(4);
  });

  it.each([
    ['{"images": [', 'is not JSON'],
    ['{"images": NaN}', 'is not JSON: line 1, column 12: "NaN", which JSON does not know, is not expected'],
    ['{\n "images": [\n  {"id": -Infinity}]}', 'is not JSON: line 3, column 10: "-Infinity"'],
    [Buffer.from([0x7b, 0xff]), 'is not UTF-8 text'],
  ])('refuses what is not JSON', async (content, message) => {
    const path = join(await temporaryFolder(), 'readers.json');
    await writeFile(path, content);
    await expect(readReaderAnnotations(path, 'pdl1')).rejects.toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      message: expect.stringContaining(`${path} ${message}`),
    });
  });

  it('rejects readers without annotations, and leaves out a group that is not in the file', async () => {
    const path = join(await temporaryFolder(), 'readers.json');
    await writeFile(path, JSON.stringify(small()));
    await expect(readReaderAnnotations(path, 'pdl1')).rejects.toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      message: expect.stringContaining('none of reader P4, reader P5, reader P6 (SCDC) annotated an image'),
    });
    const ofRumc = { ...small(), categories: pdl1Categories.slice(0, 9) };
    await writeFile(path, JSON.stringify(ofRumc));
    expect((await readReaderAnnotations(path, 'pdl1')).points.get('reader P1')?.size).toBe(1);
  });

  it('says that a file is missing', async () => {
    const path = join(await temporaryFolder(), 'readers.json');
    await expect(readReaderAnnotations(path, 'nuclei')).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });
});

const folder = suiteFolder();

it('offsets every box by that of the first box, or by its own', async () => {
  const path = join(folder(), 'readers.json');
  const annotation = (id: number, bbox: number[]) => ({ id, image_id: 0, category_id: 1, bbox });
  const file = {
    images: [{ id: 0, file_name: 'a.png', annotated_xyxy: [0, 0, 100, 100] }],
    annotations: [annotation(0, [10, 20, 8, 8]), annotation(1, [50, 60, 21, 11])],
    categories: [{ id: 1, supercategory: 'reader R1' }],
  };
  await writeFile(path, JSON.stringify(file));
  const pointsWith = async (centre: 'first' | 'own') =>
    (await readReaderAnnotations(path, 'nuclei', centre)).points.get('reader R1')?.get(0);
  expect(await pointsWith('first')).toEqual([
    { x: 14, y: 24, class: 0 },
    { x: 54, y: 64, class: 0 },
  ]);
  expect(await pointsWith('own')).toEqual([
    { x: 14, y: 24, class: 0 },
    { x: 60.5, y: 65.5, class: 0 },
  ]);
});
