import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { averagePrecision } from '../../../toolkit/metrics/average-precision.ts';

const Box = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const Limit = z.object({ map50: z.number(), map5095: z.number(), classes: z.array(z.tuple([z.number(), z.number()])) });
const Fixture = z.object({
  truth: z.object({
    annotations: z.array(z.object({ image_id: z.int(), category_id: z.int(), bbox: Box, iscrowd: z.int() })),
  }),
  results: z.array(z.object({ image_id: z.int(), category_id: z.int(), bbox: Box, score: z.number() })),
  expected: z.record(z.string(), Limit),
});
const path = join(import.meta.dirname, '../../fixtures/average-precision/boxes.json');
const { truth, results, expected } = Fixture.parse(JSON.parse(await readFile(path, 'utf8')));
const LABELS = new Map([
  [3, 0],
  [5, 1],
  [9, 2],
]);
const objects = truth.annotations.map(({ image_id, category_id, bbox, iscrowd }) => ({
  image: image_id,
  label: LABELS.get(category_id) ?? -1,
  box: bbox,
  isCrowd: iscrowd === 1,
}));
const boxes = results.map(({ image_id, category_id, bbox, score }) => ({
  image: image_id,
  label: LABELS.get(category_id) ?? -1,
  box: bbox,
  score,
}));

it.each(['100', '10'])('matches pycocotools for the best %s boxes', (limit) => {
  const { map50, map5095, classes, overLimit } = averagePrecision(objects, boxes, 3, Number(limit));
  const of = expected[limit];
  expect(map50).toBeCloseTo(of?.map50 ?? Number.NaN, 12);
  expect(map5095).toBeCloseTo(of?.map5095 ?? Number.NaN, 12);
  for (const [label, [ap50, ap5095]] of (of?.classes ?? []).entries()) {
    expect(classes[label]?.ap50).toBeCloseTo(ap50, 12);
    expect(classes[label]?.ap5095).toBeCloseTo(ap5095, 12);
  }
  // Nothing of the third class was annotated: it has no precision, and lowers no mean.
  expect(classes[2]).toMatchObject({ ap50: null, objects: 0 });
  expect(overLimit > 0).toBe(limit === '10');
});

it('is 1 for the annotations themselves, 0 without a box, null without an object', () => {
  const truth = [{ image: 1, label: 0, box: [1, 2, 10, 10], isCrowd: false }] as const;
  const exact = [{ image: 1, label: 0, box: [1, 2, 10, 10], score: 0.3 }] as const;
  expect(averagePrecision(truth, exact, 1).map5095).toBeCloseTo(1, 12);
  expect(averagePrecision(truth, [], 1)).toMatchObject({ map50: 0, map5095: 0 });
  expect(averagePrecision([], exact, 1)).toMatchObject({ map50: null, map5095: null });
});

it('matches a box with an object of twice its width, the widest that can count', () => {
  const truth = [{ image: 1, label: 0, box: [0, 0, 20, 10], isCrowd: false }] as const;
  const half = (x: number) => [{ image: 1, label: 0, box: [x, 0, 10, 10], score: 0.3 }] as const;
  const found = [0, 10, 11].map((x) => averagePrecision(truth, half(x), 1).map50 ?? Number.NaN);
  expect(found.map(Math.round)).toEqual([1, 1, 0]);
});

it('scores tens of thousands of boxes on one image', () => {
  const count = 40_000;
  const at = (k: number) => [30 * (k % 200), 30 * Math.floor(k / 200), 20, 20] as const;
  const truth = Array.from({ length: count }, (_, k) => ({ image: 1, label: 0, box: at(k), isCrowd: false }));
  // The best half of the boxes is right.
  const boxes = truth.map(({ box: [x, y, ...size] }, k) => {
    const box = [x + (k < count / 2 ? 0 : 1e6), y, ...size] as const;
    return { image: 1, label: 0, box, score: 1 - k / count };
  });
  expect(averagePrecision(truth, boxes, 1, count).map50).toBeCloseTo(51 / 101, 12);
});
