import { readFile } from 'node:fs/promises';
import { inflateSync } from 'node:zlib';
import { readTiffPages, TAG } from '../../toolkit/slide/read/tiff-pages.ts';

/** Reads the stored values of a page of a deflated pyramid, not the colours of its palette. */
export async function labelsOfTiff(path: string, page = 0) {
  const bytes = await readFile(path);
  const tiff = await readTiffPages({ read: async (offset, length) => bytes.subarray(offset, offset + length) });
  const of = tiff?.pages[page];
  if (of === undefined) throw new Error(`${path} has no page ${page}`);
  const [width, height] = [of.number(TAG.width, 0), of.number(TAG.height, 0)];
  const tile = of.number(TAG.tileWidth, 0);
  const data = new Uint8Array(width * height);
  const lengths = of.numbers(TAG.tileBytes);
  for (const [index, offset] of of.numbers(TAG.tileOffsets).entries()) {
    const values = inflateSync(bytes.subarray(offset, offset + (lengths[index] ?? 0)));
    const [left, top] = [(index % Math.ceil(width / tile)) * tile, Math.floor(index / Math.ceil(width / tile)) * tile];
    for (let y = 0; y < Math.min(tile, height - top); y++) {
      data.set(values.subarray(y * tile, y * tile + Math.min(tile, width - left)), (top + y) * width + left);
    }
  }
  return { width, height, data, pages: tiff?.pages.length ?? 0 };
}
