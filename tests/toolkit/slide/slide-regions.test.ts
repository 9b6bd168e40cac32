import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { areaOfRegion, pointTest } from '../../../toolkit/predict/slides/region-shape.ts';
import {
  cellsOfRegions,
  readSlideRegions,
  remarksOnRegions,
  tumourClasses,
  tumourShare,
} from '../../../toolkit/predict/slides/slide-regions.ts';
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

const FRAME = { width: 1_000, height: 800 };
const polygon = (...rings: readonly (readonly number[])[][]) => ({ type: 'Polygon', coordinates: rings });

async function written(content: unknown): Promise<string> {
  const path = join(folder(), 'regions.geojson');
  const isReady = typeof content === 'string' || content instanceof Uint8Array;
  await writeFile(path, isReady ? content : JSON.stringify(content));
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
    const { regions, notes } = await readSlideRegions(path);
    expect(notes).toEqual([]);
    expect(regions.map(({ name, polygons }) => [name, areaOfRegion(polygons, FRAME).area])).toEqual([
      ['ring', 84],
      ['Tumour', 50],
      ['region 3', 9],
    ]);
    const [ring, parts] = regions.map(({ polygons }) => pointTest(polygons));
    expect([ring?.(1, 1), ring?.(3, 3), ring?.(11, 1), ring?.(9, 9)]).toEqual([true, false, false, true]);
    expect([parts?.(21, 1), parts?.(27, 1), parts?.(31, 4)]).toEqual([true, false, true]);
  });

  it.each([
    ['a single geometry', polygon(square(0, 0, 10)), ['region 1']],
    ['a collection of geometries', feature({ type: 'GeometryCollection', geometries: [polygon(square(0, 0, 9))] })],
    ['a byte order mark', `\ufeff${JSON.stringify(feature(polygon(square(0, 0, 10))))}`],
    ['an open ring', feature(polygon(square(0, 0, 10).slice(0, 3)))],
    [
      'a class of several parts',
      feature(polygon(square(0, 0, 9)), { classification: { names: ['Tumour', 'Positive'] } }),
      ['Tumour: Positive'],
    ],
    ['an empty name', feature(polygon(square(0, 0, 9)), { name: ' ', classification: { name: 'A' } }), ['A']],
    ['a name of several lines', feature(polygon(square(0, 0, 9)), { name: 'a\n\u001b[31mb' }), ['a [31mb']],
  ])('reads %s', async (_, content, names = ['region 1']) => {
    const { regions } = await readSlideRegions(await written(content));
    expect(regions.map(({ name }) => name)).toEqual(names);
  });

  it('leaves out points and lines, and says so', async () => {
    const point = feature({ type: 'Point', coordinates: [1, 2] });
    const line = feature({
      type: 'LineString',
      coordinates: [
        [1, 2],
        [3, 4],
      ],
    });
    const path = await written([point, feature(polygon(square(0, 0, 10))), line, point]);
    const { regions, notes } = await readSlideRegions(path);
    expect(regions.map(({ name }) => name)).toEqual(['region 2']);
    expect(notes).toEqual(['Left out of the regions, because they have no area: 2 points and 1 line.']);
  });

  it('leaves out objects without a shape, and says so', async () => {
    const empty = [
      polygon(),
      { type: 'MultiPolygon', coordinates: [] },
      { type: 'GeometryCollection', geometries: [] },
    ];
    const path = await written([feature(polygon(square(0, 0, 10))), ...empty.map((geometry) => feature(geometry))]);
    const { regions, notes } = await readSlideRegions(path);
    expect(regions.map(({ name }) => name)).toEqual(['region 1']);
    expect(notes).toEqual(['Left out of the regions, because they have no area: 3 objects without a shape.']);
  });

  it.each([
    ['no JSON', 'nothing', /is not JSON: line 1, column 1/],
    ['points only', [feature({ type: 'Point', coordinates: [1, 2] })], /has only 1 point, no polygons/],
    ['nothing in it', { type: 'FeatureCollection', features: [] }, /has no objects\.$/],
    ['an empty collection', { type: 'GeometryCollection', geometries: [] }, /has only 1 object without a shape/],
    ['another document', { type: 'Topology' }, /it is not a Feature, a FeatureCollection or an array/],
    [
      'a coordinate far away',
      [feature(polygon(square(0, 0, 10))), feature(polygon(square(0, 0, 1e300)))],
      /Object 2 of the regions file .* geometry\.coordinates\.0\.1\.0/,
    ],
    ['text as coordinates', feature({ type: 'Polygon', coordinates: [[['1', '2']]] }), /Object 1 .* geometry/],
  ])('refuses %s', async (_, content, reason) => {
    await expect(readSlideRegions(await written(content))).rejects.toMatchObject({
      code: 'ANNOTATIONS_INVALID',
      message: expect.stringMatching(reason),
      remedy: expect.stringContaining('QuPath'),
    });
  });

  it('names a compressed file, and a folder', async () => {
    await expect(readSlideRegions(await written(gzipSync('{}')))).rejects.toMatchObject({
      message: expect.stringContaining('is compressed by gzip'),
      remedy: expect.stringContaining('gunzip'),
    });
    await expect(readSlideRegions(folder())).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('areaOfRegion', () => {
  /** Separate squares, with more corners than there are even slices, and gaps between them. */
  const islands = Array.from({ length: 3_000 }, (_, at) => [square(10, at * 26.5, 6)]);
  /** Covers x from -1,000 to 1,000; the part on the slide is 400 px high at the left border. */
  const pointed = [
    [-1_000, 0],
    [1_000, 400],
    [-1_000, 800],
    [-1_000, 0],
  ];
  const bow = [
    [0, 0],
    [100, 100],
    [100, 0],
    [0, 100],
    [0, 0],
  ];

  it.each([
    ['a square', [[square(10, 10, 100)]], 10_000, undefined],
    ['a ring that crosses itself', [[bow]], 5_000, /crosses itself/],
    ['a hole outside', [[square(0, 0, 10), square(20, 0, 20)]], 500, /crosses itself/],
    ['overlapping parts', [[square(0, 0, 100)], [square(50, 0, 100)]], 15_000, /crosses itself/],
    ['a region over the border', [[square(-50, -50, 100)]], 2_500, /only partly on the slide \(25 %\)/],
    ['a region over all borders', [[square(-5_000, -5_000, 20_000)]], 800_000, /only partly/],
    ['a triangle over the left border', [[pointed]], 200_000, /only partly on the slide \(25 %\)/],
    [
      'a triangle over the right border',
      [[pointed.map(([x = 0, y = 0]) => [1_000 - x, y])]],
      200_000,
      /only partly on the slide \(25 %\)/,
    ],
    ['a region outside', [[square(2_000, 0, 100)]], 0, /is outside the slide/],
    [
      'a line',
      [
        [
          [
            [0, 0],
            [9, 9],
            [0, 0],
          ],
        ],
      ],
      0,
      /has no area/,
    ],
  ])('measures %s', (_, polygons, area, remark) => {
    const found = areaOfRegion(polygons, FRAME);
    expect(found.area).toBeCloseTo(area, 6);
    if (remark === undefined) expect(found.remark).toBeUndefined();
    else expect(found.remark).toMatch(remark);
  });

  it('measures where the points are that count as inside', () => {
    const polygons = [[bow, square(10, 40, 30)], [square(60, 0, 80)]];
    const isInside = pointTest(polygons);
    let points = 0;
    for (let x = 0.5; x < 200; x++) for (let y = 0.5; y < 200; y++) points += isInside(x + 1e-6, y) ? 1 : 0;
    expect(areaOfRegion(polygons, FRAME).area / points).toBeCloseTo(1, 1);
  });

  it('takes the usual area of an outline with more corners than slices', () => {
    const circle = Array.from({ length: 50_000 }, (_, at) => {
      const angle = (2 * Math.PI * at) / 50_000;
      return [500 + 300 * Math.cos(angle), 400 + 300 * Math.sin(angle)];
    });
    const { area, remark } = areaOfRegion([[circle]], FRAME);
    expect(area).toBeCloseTo(Math.PI * 300 ** 2, 1);
    expect(remark).toBeUndefined();
  });

  it('measures thousands of small parts, on the slide and over its border', () => {
    expect(areaOfRegion(islands, { width: 100, height: 80_000 })).toEqual({ area: expect.closeTo(108_000, 3) });
    expect(areaOfRegion(islands, { width: 13, height: 80_000 }).area).toBeCloseTo(54_000, 3);
  });
});

describe('remarksOnRegions', () => {
  it('names the regions of each remark once', () => {
    const of = (name: string, remark?: string) => ({ name, ...(remark !== undefined && { remark }) });
    const regions = [of('a', 'has no area'), of('b'), of('c', 'has no area'), of('d', 'is outside the slide')];
    expect(remarksOnRegions(regions)).toEqual([
      'Each of the regions a, c has no area.',
      'Region d is outside the slide.',
    ]);
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
    const { regions } = await readSlideRegions(path);
    const found = cellsOfRegions(regions, cells, 3, { ...FRAME, mpp: 0.5 }, { positive: 1, negative: 0 });
    expect(found).toEqual([
      { name: 'a', mm2: 0.0025, counts: [1, 2, 0], tumour: { positive: 2, negative: 1, percent: 200 / 3 } },
      { name: 'b', mm2: 0.0025, counts: [1, 1, 1], tumour: { positive: 1, negative: 1, percent: 50 } },
    ]);
  });
});
