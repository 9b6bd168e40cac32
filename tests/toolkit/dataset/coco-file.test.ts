import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CocoFile, parseCocoFile, readCocoFile } from '../../../toolkit/dataset/coco-file.ts';
import { countBoxes, streamCocoItems } from '../../../toolkit/dataset/coco-stream.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const images = [{ id: 0, file_name: 'é"\t😀.png', annotated_xyxy: [0, 0, 10, 10], width: 3 }];
const categories = [{ id: 1, supercategory: 'reader P1', name: 'positive' }];
const annotation = (id: number) => ({ id, image_id: 0, category_id: 1, bbox: [id / 3, -0, 1e-7, 16], iscrowd: null });
const annotations = [annotation(0), annotation(7), annotation(-3)];
const plain = ({ images, annotations, categories }: CocoFile) => ({
  images,
  annotations: [...annotations],
  categories,
});

async function written(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'readers.json');
  await writeFile(path, text);
  return path;
}

async function streamed(text: string, pieceBytes = 5): Promise<{ isWhole: boolean; items: unknown[] }> {
  const items: unknown[] = [];
  const take = (list: string, item: unknown) => items.push([list, item]) > 0;
  return { isWhole: await streamCocoItems(await written(text), take, { pieceBytes }), items };
}

describe('streamCocoItems', () => {
  it.each([1, 2, 3, 7, 1_000])('finds the same items as JSON.parse, in chunks of %i bytes', async (pieceBytes) => {
    const text = `\ufeff${JSON.stringify({ info: { annotations: [9] }, annotations, categories, images }, null, 1)}\n`;
    const { isWhole, items } = await streamed(text, pieceBytes);
    expect(isWhole).toBe(true);
    const expected = Object.entries({ annotations, categories, images }).flatMap(([list, each]) =>
      each.map((item) => [list, item]),
    );
    expect(items).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  it.each([
    ['a list that is missing', JSON.stringify({ images, annotations })],
    ['an empty list', JSON.stringify({ images, annotations: [], categories })],
    ['an object in place of a list', JSON.stringify({ images: { 0: images[0] }, annotations, categories })],
    ['two lists of one name', `{"images": [{}], "images": [{}], "annotations": [{}], "categories": [{}]}`],
    ['a text that ends too early', JSON.stringify({ images, annotations, categories }).slice(0, -1)],
    ['more behind the end', `${JSON.stringify({ images, annotations, categories })}x`],
    ['two documents', JSON.stringify({ images, annotations, categories }).repeat(2)],
    ['a byte order mark within', JSON.stringify({ images, annotations, categories, note: '\ufeff' })],
    ['NaN', `{"images": [{}], "annotations": [NaN], "categories": [{}]}`],
    ['a list in place of the document', JSON.stringify([images])],
    ['nothing', ''],
  ])('leaves %s to the parser of whole files', async (_, text) => {
    expect((await streamed(text)).isWhole).toBe(false);
  });

  it('leaves text that is not UTF-8 to the non-streaming parser', async () => {
    const path = join(await temporaryFolder(), 'readers.json');
    const text = Buffer.from(JSON.stringify({ images, annotations, categories, note: 'x' }), 'latin1');
    text[text.length - 3] = 0xff;
    await writeFile(path, text);
    expect(await streamCocoItems(path, () => true)).toBe(false);
  });

  it('rejects every document that JSON.parse rejects, and finds the same items in all others', async () => {
    const text = JSON.stringify({ images, annotations, categories });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(text.length - 1),
        fc.constantFrom('', ...'{}[]",:019.eE+-tn\\ \n\u0000'.split('')),
        fc.boolean(),
        async (at, character, insert) => {
          const cut = text.slice(0, at) + character + text.slice(insert ? at : at + 1);
          // As a file holds it: half of a pair of UTF-16 units is replaced.
          const broken = Buffer.from(cut).toString();
          const { isWhole, items } = await streamed(broken, 64);
          if (!isWhole) return;
          const document = JSON.parse(broken);
          expect(items.length).toBe(document.images.length + document.annotations.length + document.categories.length);
          expect(items.filter((item) => JSON.stringify(item).startsWith('["images"'))).toEqual(
            document.images.map((item: unknown) => ['images', item]),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('readCocoFile', () => {
  it.each([
    ['as a whole', Number.POSITIVE_INFINITY],
    ['item by item', 0],
  ])('returns the same as parseCocoFile, %s', async (_how, streamedFrom) => {
    const document = { categories, images, annotations };
    const read = plain(await readCocoFile(await written(JSON.stringify(document)), { streamedFrom }));
    expect(read).toEqual(plain(parseCocoFile(JSON.parse(JSON.stringify(document)), 'readers.json')));
    expect(read.annotations.map(({ bbox }) => bbox)).toEqual([
      [0, 0, 1e-7, 16],
      [7 / 3, 0, 1e-7, 16],
      [-1, 0, 1e-7, 16],
    ]);
  });

  it.each([
    [[annotation(0), { ...annotation(1), bbox: [1, 2, 3] }], 'annotations.1.bbox'],
    [[annotation(0), annotation(0)], 'the id 0 occurs twice'],
  ])('says what is wrong with an item', async (list, message) => {
    const path = await written(JSON.stringify({ images, annotations: list, categories }));
    await expect(readCocoFile(path, { streamedFrom: 0 })).rejects.toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('reads a large file once, and again after a change', async () => {
    const many = (count: number) =>
      JSON.stringify({ images, annotations: Array.from({ length: count }, (_, id) => annotation(id)), categories });
    const path = await written(many(30_000));
    const first = await readCocoFile(path);
    expect(await readCocoFile(path)).toBe(first);
    await writeFile(path, many(30_001));
    const second = await readCocoFile(path);
    expect([first.annotations.length, second.annotations.length]).toEqual([30_000, 30_001]);
    expect([...second.annotations].at(-1)).toMatchObject({ id: 30_000, bbox: [10_000, 0, 1e-7, 16] });
  });
});

it('counts images and boxes of a file that arrives in several chunks', async () => {
  const path = join(await temporaryFolder(), 'coco.json');
  // Pieces shorter than an entry end within every part of the names.
  const annotations = Array.from({ length: 6_000 }, (_, id) => ({
    id: 100_000 + id,
    image_id: id % 7,
    bbox: [1, 2, 3, 4],
  }));
  const images = Array.from({ length: 7 }, (_, id) => ({ id, file_name: `${id}.png` }));
  await writeFile(path, JSON.stringify({ annotations, images }));
  expect(await countBoxes(path, { pieceBytes: 13 })).toEqual({ images: 7, boxes: 6_000 });
});
