import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { decodeRgb } from '../../../toolkit/image/decode-pixels.ts';
import { resizeBilinear } from '../../../toolkit/image/pixels.ts';
import { letterboxed, letterboxOf } from '../../../toolkit/yolo/detect/image-views.ts';
import { fixture } from './support/fixtures.ts';

const Fitted = z.array(
  z.object({
    imgsz: z.int(),
    rect: z.boolean(),
    width: z.int(),
    height: z.int(),
    scaled: z.tuple([z.int(), z.int()]),
    left: z.int(),
    top: z.int(),
    crc32: z.int(),
  }),
);
const path = join(import.meta.dirname, '../../fixtures/ultralytics/letterbox.json');
const fitted = Fitted.parse(JSON.parse(await readFile(path, 'utf8')));

it.each(fitted)('fits an image into $imgsz px with the same bytes as Ultralytics and OpenCV', async (expected) => {
  const image = await decodeRgb(fixture('image.png'));
  const box = letterboxOf(image, expected.imgsz, expected.rect ? 32 : undefined);
  const { width, height, left, top } = expected;
  const [scaledWidth, scaledHeight] = expected.scaled;
  expect(box).toEqual({ width, height, left, top, scaledWidth, scaledHeight });
  expect(crc32(letterboxed(image, box).data)).toBe(expected.crc32);
});

it('accepts an image thinner than a pixel of the input', () => {
  expect(letterboxOf({ width: 3000, height: 1 }, 64, 32)).toMatchObject({ scaledHeight: 1, height: 32, width: 64 });
});

it('averages 2 x 2 squares for exactly half the size', () => {
  const data = Uint8Array.of(...[0, 0, 0], ...[1, 2, 3], ...[1, 2, 3], ...[1, 2, 5]);
  expect(resizeBilinear({ width: 2, height: 2, data }, { width: 1, height: 1 }).data).toEqual(Uint8Array.of(1, 2, 3));
});
