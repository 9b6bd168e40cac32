import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cellsOfRegions, tumourClasses, tumourShare } from '../../../toolkit/predict/slides/tumour-share.ts';
import { readSlideRegions, regionTest } from '../../../toolkit/slide/predict/slide-regions.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';

const folder = suiteFolder();
const square = (left: number, top: number, side: number) => [
  [left, top],
  [left + side, top],
  [left + side, top + side],
  [left, top + side],
  [left, top],
];
const feature = (geometry: object, properties: object | null = null) => ({ type: 'Feature', geometry, properties });

async function written(content: unknown): Promise<string> {
  const path = join(folder(), 'regions.geojson');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('readSlideRegions', () => {
  it('reads polygons with holes and several parts, with their names and areas', async () => {
    const path = await written({
      type: 'FeatureCollection',
      features: [
        feature({ type: 'Polygon', coordinates: [square(0, 0, 10), square(2, 2, 4)] }, { name: 'ring' }),
        feature(
          { type: 'MultiPolygon', coordinates: [[square(20, 0, 5)], [square(30, 0, 5)]] },
          { classification: { name: 'Tumour' } },
        ),
        feature({ type: 'Polygon', coordinates: [square(0, 50, 3)] }),
      ],
    });
    const regions = await readSlideRegions(path);
    expect(regions.map(({ name, area }) => [name, area])).toEqual([
      ['ring', 84],
      ['Tumour', 50],
      ['region 3', 9],
    ]);
    const [ring, parts] = regions.map(regionTest);
    expect([ring?.(1, 1), ring?.(3, 3), ring?.(11, 1), ring?.(9, 9)]).toEqual([true, false, false, true]);
    expect([parts?.(21, 1), parts?.(27, 1), parts?.(31, 4)]).toEqual([true, false, true]);
  });

  it.each([
    ['no JSON', 'nothing', /is not JSON/],
    ['points', [feature({ type: 'Point', coordinates: [1, 2] })], /is not GeoJSON with polygons/],
    ['nothing in it', { type: 'FeatureCollection', features: [] }, /is not GeoJSON with polygons/],
  ])('refuses %s', async (_, content, reason) => {
    await expect(readSlideRegions(await written(content))).rejects.toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      message: expect.stringMatching(reason),
      remedy: expect.stringContaining('QuPath'),
    });
  });
});

describe('the tumour proportion', () => {
  const NAMES = ['pd-l1 negative tumor cell', 'pd-l1 positive tumor cell', 'non-tumor cell'];

  it('is the share of positive among all tumour cells, and null without any', () => {
    const classes = tumourClasses('pdl1', NAMES);
    expect(classes).toEqual({ positive: 1, negative: 0 });
    expect(tumourShare([30, 10, 999], { positive: 1, negative: 0 })).toEqual({
      positive: 10,
      negative: 30,
      percent: 25,
    });
    expect(tumourShare([0, 0, 5], { positive: 1, negative: 0 }).percent).toBeNull();
    expect(tumourClasses('nuclei', ['nucleus'])).toBeUndefined();
    expect(tumourClasses('pdl1', ['cell'])).toBeUndefined();
  });

  it('is counted separately in each region', async () => {
    const path = await written([
      feature({ type: 'Polygon', coordinates: [square(0, 0, 100)] }, { name: 'a' }),
      feature({ type: 'Polygon', coordinates: [square(50, 0, 100)] }, { name: 'b' }),
    ]);
    const cell = (x: number, of: number) => ({ x, y: 10, class: of, score: 1, box: [0, 0, 0, 0] as const });
    const cells = [cell(10, 1), cell(60, 1), cell(70, 0), cell(140, 2)];
    const found = cellsOfRegions(await readSlideRegions(path), cells, 3, 0.5, { positive: 1, negative: 0 });
    expect(found).toEqual([
      { name: 'a', mm2: 0.0025, counts: [1, 2, 0], tumour: { positive: 2, negative: 1, percent: 200 / 3 } },
      { name: 'b', mm2: 0.0025, counts: [1, 1, 1], tumour: { positive: 1, negative: 1, percent: 50 } },
    ]);
  });
});
