import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StepCache } from '../../../toolkit/cache/step-cache.ts';
import { differenceInWords, differingParts } from '../../../toolkit/cache/why-missed.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';

const folder = suiteFolder();
const parts = { step: 'segment-roi', image: 'abc', model: 'm1', scope: 'full' };

it('keeps the generations of a cache apart, and lists all of them', async () => {
  const cache = new StepCache(join(folder(), 'cache'));
  const fresh = cache.of('today');
  await cache.store(parts, {}, { from: 'all' });
  expect(await fresh.find(fresh.keyOf(parts))).toBeUndefined();
  await fresh.store(parts, {}, { from: 'today' });
  expect(await fresh.find(fresh.keyOf(parts))).toMatchObject({ facts: { from: 'today' } });
  expect(await cache.find(cache.keyOf(parts))).toMatchObject({ facts: { from: 'all' } });
  const listed = [];
  for await (const entry of cache.entries()) listed.push(entry.parts['generation']);
  expect(listed.sort()).toEqual(['today', undefined]);
});

it('names the differences from the nearest result of the same image and step', async () => {
  const cache = new StepCache(join(folder(), 'other'));
  const made = [
    await cache.store({ ...parts, model: 'm0', scope: 'annotated' }, {}, {}),
    await cache.store({ ...parts, model: 'm0' }, {}, {}),
    await cache.store({ ...parts, step: 'draw-case', model: 'm1' }, {}, {}),
  ];
  expect(differingParts(made, parts)).toEqual(['model']);
  expect(differingParts(made, { ...parts, rounding: 'half-up' })).toEqual(['model', 'rounding']);
  expect(differingParts(made, { ...parts, image: 'abd' })).toBeUndefined();
});

it('describes the differences in words', () => {
  expect(differenceInWords(['iou'])).toBe('with another IoU threshold');
  expect(differenceInWords(['model', 'truth'])).toBe('with another model and ground truth');
  expect(differenceInWords(['generation'])).toContain('--fresh');
  expect(differenceInWords(['generation', 'tile'])).toMatch(/^with another tile size, and .*--fresh/);
});
