import { expect, it } from 'vitest';
import { roundLength } from '../../../toolkit/figures/panel-figure.ts';

it.each([
  [1664, 200],
  [800, 200],
  [799, 100],
  [400, 100],
  [154.5, 20],
  [4, 1],
  [0.5, 0.1],
])('gives a panel of %d µm a bar of %d µm', (width, length) => {
  expect(roundLength(width)).toBeCloseTo(length, 12);
});
