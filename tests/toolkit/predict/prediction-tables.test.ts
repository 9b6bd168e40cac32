import { expect, it } from 'vitest';
import { cellClasses } from '../../../toolkit/models/class-colours.ts';
import type { ImagePrediction } from '../../../toolkit/predict/prediction.ts';
import { describePrediction } from '../../../toolkit/predict/prediction-summary.ts';

const IMAGE: ImagePrediction = {
  image: '/a.png',
  name: 'a',
  width: 10,
  height: 10,
  files: {},
  cached: false,
  provider: 'cpu',
  seconds: 1,
  notes: ['A note.'],
};

function countsOf(classes: number, found: Readonly<Record<number, number>>) {
  return Array.from({ length: classes }, (_, value) => ({ value, name: `thing ${value}`, count: found[value] ?? 0 }));
}

it('lists only the classes that were found out of eighty', () => {
  const lines = describePrediction({ ...IMAGE, counts: countsOf(80, { 3: 7, 41: 1 }) });
  expect(lines.slice(1, 4).map((line) => line.trim().replaceAll(/ +/g, ' '))).toEqual([
    'thing 3 7',
    'thing 41 1',
    '78 other classes: none found',
  ]);
  expect(describePrediction({ ...IMAGE, counts: countsOf(80, {}) })[1]).toBe('  80 classes: none found');
});

it('lists all of a few classes, also those that were not found', () => {
  expect(describePrediction({ ...IMAGE, counts: countsOf(3, { 1: 2 }) })).toHaveLength(5);
});

it('leaves out the notes with --quiet', () => {
  expect(describePrediction(IMAGE).at(-1)).toBe('  A note.');
  expect(describePrediction(IMAGE, true)).toHaveLength(1);
});

it.each([[['class0']], [['0']], [['item', 'class1', 'nucleus']]])('keeps the names of a detector: %j', (names) => {
  expect(cellClasses(names).map(({ name }) => name)).toEqual(names);
});

it('groups the digits of regions without an outline like those of pixels', () => {
  const leftOut = { regions: 1533, pixels: 2953 };
  const lines = describePrediction({ ...IMAGE, width: 1000, height: 1000, regions: 1200, leftOut }, true);
  expect(lines[1]).toContain('1,200 outlines; 1,533 smaller regions (2,953 px');
});

it('says with what an image was predicted', () => {
  const on = { adapter: 'NVIDIA H200', driver: '580.95.05' };
  const first = (of: object) => describePrediction({ ...IMAGE, cached: false, seconds: 2, ...of })[0];
  expect(first({})).toMatch(/2\.0 s on cpu$/);
  expect(first({ provider: 'cuda', ...on, engine: 'fast', precision: 'float16', batchSize: 4 })).toMatch(
    /2\.0 s on cuda \(NVIDIA H200, driver 580\.95\.05\), fast engine, float16, 4 tiles at once$/,
  );
});
