import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeRegions } from '../../../toolkit/geojson/write-features.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { polygonFaults } from '../../support/polygon-faults.ts';

type Ring = [number, number][];
interface Feature {
  readonly geometry: { readonly coordinates: Ring[] };
  readonly properties: { readonly measurements: { readonly 'Area px^2': number } };
}

const CLASSES = new Map([1, 2, 3].map((value) => [value, { name: `class ${value}`, color: [value, 0, 0] as const }]));

const folder = suiteFolder();

async function featuresOf(
  mask: Mask,
  options: { simplify?: number; minArea?: number; scale?: number; frame?: { width: number; height: number } },
) {
  const path = join(folder(), 'regions.geojson');
  const written = await writeRegions(path, mask, { classes: CLASSES, ...options });
  const { features }: { features: Feature[] } = JSON.parse(await readFile(path, 'utf8'));
  return { ...written, features };
}

interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Blobs, single pixels in a diagonal and noise over each other: bays, necks, holes that touch, islands in holes. */
const masks = fc
  .record({
    width: fc.integer({ min: 1, max: 28 }),
    height: fc.integer({ min: 1, max: 28 }),
    blobs: fc.array(fc.tuple(fc.nat(27), fc.nat(27), fc.integer({ min: 1, max: 12 }), fc.nat(3)), { maxLength: 8 }),
    diagonals: fc.array(fc.tuple(fc.nat(27), fc.nat(27), fc.constantFrom(-1, 1), fc.nat(3)), { maxLength: 6 }),
    specks: fc.array(fc.tuple(fc.nat(27), fc.nat(27), fc.nat(3)), { maxLength: 60 }),
  })
  .map(({ width, height, blobs, diagonals, specks }): Mask => {
    const data = new Uint8Array(width * height);
    const set = (x: number, y: number, label: number) => {
      if (x >= 0 && y >= 0 && x < width && y < height) data[y * width + x] = label;
    };
    for (const [cx, cy, radius, label] of blobs) {
      for (let y = cy - radius; y <= cy + radius; y++) {
        for (let x = cx - radius; x <= cx + radius; x++) {
          if ((x - cx) ** 2 + (y - cy) ** 2 <= radius ** 2) set(x, y, label);
        }
      }
    }
    for (const [x, y, step, label] of diagonals) for (let k = 0; k < 20; k++) set(x + step * k, y + k, label);
    for (const [x, y, label] of specks) set(x, y, label);
    return { width, height, data };
  });

const doubleAreaOf = (ring: Ring) =>
  ring.slice(1).reduce((sum, [x, y], k) => sum + (ring[k]?.[0] ?? 0) * y - x * (ring[k]?.[1] ?? 0), 0);
const lengthOf = (ring: Ring) =>
  ring.slice(1).reduce((sum, [x, y], k) => sum + Math.hypot(x - (ring[k]?.[0] ?? 0), y - (ring[k]?.[1] ?? 0)), 0);

function expectSmoothed(rings: readonly Ring[], outlines: readonly Ring[], simplify: number): void {
  expect(polygonFaults(rings)).toEqual([]);
  expect(rings).toHaveLength(outlines.length);
  for (const [at, ring] of rings.entries()) {
    const outline = outlines[at] ?? [];
    const [area, exactArea] = [doubleAreaOf(ring) / 2, doubleAreaOf(outline) / 2];
    const change = Math.abs(area - exactArea);
    expect(change).toBeLessThanOrEqual(Math.min(0.1 * Math.abs(exactArea), simplify * lengthOf(outline)));
    const corners = new Set(outline.map(String));
    expect(ring.filter((corner) => !corners.has(String(corner)))).toEqual([]);
  }
}

describe('writeRegions', () => {
  it('writes valid polygons whatever the mask and however smoothed', async () => {
    await fc.assert(
      fc.asyncProperty(masks, async (mask) => {
        const { features: exact } = await featuresOf(mask, {});
        // In px.
        for (const simplify of [0, 0.5, 1, 2, 5, 20]) {
          const { features } = await featuresOf(mask, { simplify });
          expect(features).toHaveLength(exact.length);
          for (const [index, { geometry, properties }] of features.entries()) {
            const outlines = exact[index]?.geometry.coordinates ?? [];
            expectSmoothed(geometry.coordinates, outlines, simplify);
            // What is measured is the mask, not the smoothed line.
            expect(properties.measurements['Area px^2']).toBe(
              outlines.reduce((sum, ring) => sum + doubleAreaOf(ring) / 2, 0),
            );
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('smooths a disc to a fraction of its corners', async () => {
    const size = 101;
    const data = Uint8Array.from({ length: size * size }, (_, at) =>
      Math.hypot((at % size) - 50, Math.floor(at / size) - 50) <= 45 ? 1 : 0,
    );
    const disc = { width: size, height: size, data };
    const corners = async (simplify: number) =>
      (await featuresOf(disc, { simplify })).features[0]?.geometry.coordinates[0]?.length ?? 0;
    expect(await corners(0)).toBeGreaterThan(150);
    expect(await corners(1)).toBeLessThan(50);
    expect(await corners(2)).toBeLessThan(30);
  });

  it('keeps a bulge whose hole would be outside a straight line', async () => {
    const [width, height] = [30, 34];
    const data = Uint8Array.from({ length: width * height }, (_, at) => {
      const [x, y] = [at % width, Math.floor(at / width)];
      const isHole = x === 14 && y === 31;
      return y < 30 || (x >= 12 && x < 17 && !isHole) ? 1 : 0;
    });
    for (const simplify of [4, 5, 20]) {
      const [feature] = (await featuresOf({ width, height, data }, { simplify })).features;
      expect(polygonFaults(feature?.geometry.coordinates ?? [])).toEqual([]);
      expect(feature?.geometry.coordinates).toHaveLength(2);
    }
  });

  it('reports the regions that it leaves out as too small', async () => {
    const mask = { width: 6, height: 2, data: Uint8Array.from('110200' + '110220', Number) };
    expect(await featuresOf(mask, { minArea: 4 })).toMatchObject({ regions: 1, leftOut: { regions: 1, pixels: 3 } });
    expect(await featuresOf(mask, { minArea: 0 })).toMatchObject({ regions: 2, leftOut: { regions: 0, pixels: 0 } });
  });
});

describe('polygonFaults', () => {
  const square: Ring = [
    [0, 0],
    [9, 0],
    [9, 9],
    [0, 9],
    [0, 0],
  ];

  it.each<[string, Ring[], string]>([
    [
      'a bow',
      [
        [
          [0, 0],
          [4, 4],
          [4, 0],
          [0, 4],
          [0, 0],
        ],
      ],
      'edges',
    ],
    [
      'a hole outside',
      [
        square,
        [
          [20, 20],
          [22, 20],
          [22, 22],
          [20, 20],
        ],
      ],
      'wrong side',
    ],
    [
      'a hole in a hole',
      [
        square,
        [
          [1, 1],
          [1, 8],
          [8, 8],
          [8, 1],
          [1, 1],
        ],
        [
          [3, 3],
          [3, 5],
          [5, 5],
          [3, 3],
        ],
      ],
      'wrong side of ring 1',
    ],
    [
      'a hole across the border',
      [
        square,
        [
          [5, 5],
          [5, 12],
          [7, 7],
          [5, 5],
        ],
      ],
      'cross',
    ],
    [
      'a hole that touches at two corners',
      [
        square,
        [
          [0, 0],
          [9, 9],
          [4, 6],
          [0, 0],
        ],
      ],
      'not connected',
    ],
    [
      'a spike',
      [
        [
          [0, 0],
          [4, 0],
          [9, 0],
          [4, 0],
          [4, 4],
          [0, 0],
        ],
      ],
      'corner twice',
    ],
  ])('finds %s', (_what, rings, fault) => {
    expect(polygonFaults(rings).join()).toContain(fault);
  });
});

describe('writeRegions of a reduced mask', () => {
  it('gives valid polygons in pixels of the frame, with areas scaled, also smoothed', async () => {
    await fc.assert(
      fc.asyncProperty(
        masks,
        fc.constantFrom(1, 1.37, 2, 3.999, 8),
        fc.constantFrom(0, 1),
        async (mask, scale, simplify) => {
          const frame = { width: Math.ceil(mask.width * scale), height: Math.ceil(mask.height * scale) };
          const plain = await featuresOf(mask, {});
          const { features, leftOut } = await featuresOf(mask, { scale, simplify, frame });
          expect(leftOut).toEqual({ regions: 0, pixels: 0 });
          expect(features).toHaveLength(plain.features.length);
          for (const [index, { geometry, properties }] of features.entries()) {
            expect(polygonFaults(geometry.coordinates)).toEqual([]);
            const traced = plain.features[index]?.properties.measurements['Area px^2'] ?? 0;
            expect(properties.measurements['Area px^2']).toBeCloseTo(traced * scale * scale, 6);
            for (const [x, y] of geometry.coordinates.flat()) {
              expect(Number.isInteger(x) && Number.isInteger(y) && x >= 0 && y >= 0).toBe(true);
              expect(x <= frame.width && y <= frame.height).toBe(true);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
