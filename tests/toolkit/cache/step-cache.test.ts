import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheKey, StepCache } from '../../../toolkit/cache/step-cache.ts';
import { differenceInWords, differingParts } from '../../../toolkit/cache/why-missed.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';

const parts = { step: 'test', image: 'abc', schema: 1 };

async function filledCache() {
  const folder = await temporaryFolder();
  const source = join(folder, 'source.txt');
  await writeFile(source, 'result');
  const cache = new StepCache(join(folder, 'cache'));
  return { folder, source, cache, entry: await cache.store(parts, { 'a.txt': source }, { n: 7 }) };
}

describe('StepCache', () => {
  it("finds what was stored, whatever the order of the key's parts", async () => {
    const { cache, entry } = await filledCache();
    const found = await cache.find(cacheKey({ schema: 1, image: 'abc', step: 'test' }));
    expect(found).toEqual(entry);
    expect(found?.facts).toEqual({ n: 7 });
    expect(await cache.find(cacheKey({ ...parts, image: 'abd' }))).toBeUndefined();
  });

  it.each(['', Number.NaN])('rejects a key with a part without a value (%j)', (value) => {
    expect(() => cacheKey({ step: 'draw', mask: value })).toThrow('no value for mask');
  });

  it('restores copies: changing one does not change the cache', async () => {
    const { cache, entry, folder } = await filledCache();
    const target = join(folder, 'results', 'a.txt');
    await cache.restore(entry.key, 'a.txt', target);
    await writeFile(target, 'spoilt');
    await cache.restore(entry.key, 'a.txt', target);
    expect(await readFile(target, 'utf8')).toBe('result');
    expect(await readdir(join(folder, 'results'))).toEqual(['a.txt']);
  });

  it('keeps an existing copy, but replaces another file of the same size', async () => {
    const { cache, entry, folder, source } = await filledCache();
    const target = join(folder, 'a.txt');
    await cache.restore(entry.key, 'a.txt', target);
    const { ino, mtimeMs } = await stat(target);
    await cache.restore(entry.key, 'a.txt', target);
    expect((await stat(target)).ino).toBe(ino);
    expect(mtimeMs).toBeCloseTo((await stat(cache.pathOf(entry.key, 'a.txt'))).mtimeMs, 1);
    await writeFile(source, 'change');
    const other = await cache.store({ ...parts, image: 'abd' }, { 'a.txt': source }, {});
    await cache.restore(other.key, 'a.txt', target);
    expect(await readFile(target, 'utf8')).toBe('change');
  });

  it('does not trust whole-second times', async () => {
    const { cache, entry, folder } = await filledCache();
    const target = join(folder, 'a.txt');
    await writeFile(target, 'spoilt');
    const second = 1_700_000_000;
    for (const path of [target, cache.pathOf(entry.key, 'a.txt')]) await utimes(path, second, second);
    await cache.restore(entry.key, 'a.txt', target);
    expect(await readFile(target, 'utf8')).toBe('result');
  });

  it('keeps the first of two results of one key', async () => {
    const { cache, source, entry } = await filledCache();
    await writeFile(source, 'another');
    await cache.store(parts, { 'a.txt': source }, { n: 8 });
    expect((await cache.find(entry.key))?.facts).toEqual({ n: 7 });
    expect(await readFile(cache.pathOf(entry.key, 'a.txt'), 'utf8')).toBe('result');
  });

  it('ignores an entry with a missing or truncated file', async () => {
    const { cache, entry } = await filledCache();
    await writeFile(cache.pathOf(entry.key, 'a.txt'), 'res');
    expect(await cache.find(entry.key)).toBeUndefined();
    const again = await filledCache();
    await rm(again.cache.pathOf(again.entry.key, 'a.txt'));
    expect(await again.cache.find(again.entry.key)).toBeUndefined();
  });

  it('recalls the facts of an entry that it has read, even if its files are gone, but no other entry', async () => {
    const { cache, entry, folder } = await filledCache();
    expect((await cache.recall(entry.key))?.facts).toEqual({ n: 7 });
    await rm(cache.pathOf(entry.key, '.'), { recursive: true });
    expect(await cache.recall(entry.key)).toEqual(entry);
    expect(await new StepCache(join(folder, 'cache')).recall(entry.key)).toBeUndefined();
    expect(await cache.find(entry.key)).toBeUndefined();
    expect(await cache.recall(entry.key)).toBeUndefined();
  });

  it('ignores an entry whose description is damaged', async () => {
    const { cache, entry } = await filledCache();
    await writeFile(cache.pathOf(entry.key, 'entry.json'), '{"key":');
    expect(await cache.find(entry.key)).toBeUndefined();
  });

  it('leaves nothing behind when a source is missing', async () => {
    const { cache, folder } = await filledCache();
    await expect(cache.store({ step: 'other' }, { x: join(folder, 'none') }, {})).rejects.toThrow();
    const left = (await readdir(join(folder, 'cache'), { recursive: true })).filter((name) => name.includes('.tmp'));
    expect(left).toEqual([]);
  });
});

const folder = suiteFolder();
const segmentation = { step: 'segment-roi', image: 'abc', model: 'm1', scope: 'full' };

it('keeps the generations of a cache apart, and lists all of them', async () => {
  const cache = new StepCache(join(folder(), 'cache'));
  const fresh = cache.of('today');
  await cache.store(segmentation, {}, { from: 'all' });
  expect(await fresh.find(fresh.keyOf(segmentation))).toBeUndefined();
  await fresh.store(segmentation, {}, { from: 'today' });
  expect(await fresh.find(fresh.keyOf(segmentation))).toMatchObject({ facts: { from: 'today' } });
  expect(await cache.find(cache.keyOf(segmentation))).toMatchObject({ facts: { from: 'all' } });
  const listed = [];
  for await (const entry of cache.entries()) listed.push(entry.parts['generation']);
  expect(listed.sort()).toEqual(['today', undefined]);
});

it('names the differences from the nearest result of the same image and step', async () => {
  const cache = new StepCache(join(folder(), 'other'));
  const made = [
    await cache.store({ ...segmentation, model: 'm0', scope: 'annotated' }, {}, {}),
    await cache.store({ ...segmentation, model: 'm0' }, {}, {}),
    await cache.store({ ...segmentation, step: 'draw-case', model: 'm1' }, {}, {}),
  ];
  expect(differingParts(made, segmentation)).toEqual(['model']);
  expect(differingParts(made, { ...segmentation, rounding: 'half-up' })).toEqual(['model', 'rounding']);
  expect(differingParts(made, { ...segmentation, image: 'abd' })).toBeUndefined();
});

it('describes the differences in words', () => {
  expect(differenceInWords(['iou'])).toBe('with another IoU threshold');
  expect(differenceInWords(['model', 'truth'])).toBe('with another model and ground truth');
  expect(differenceInWords(['generation'])).toContain('--fresh');
  expect(differenceInWords(['generation', 'tile'])).toMatch(/^with another tile size, and .*--fresh/);
});
