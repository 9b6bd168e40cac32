import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doubleArea } from '../../../toolkit/geojson/rings.ts';
import { type Region, traceRegions } from '../../../toolkit/geojson/trace-regions.ts';

/** A mask drawn with digits. */
function maskOf(rows: readonly string[]) {
  return { width: rows[0]?.length ?? 0, height: rows.length, data: Uint8Array.from(rows.join(''), Number) };
}

const trace = (rows: readonly string[]) => [...traceRegions(maskOf(rows), (label) => label > 0)];
const ringsOf = ({ exterior, holes }: Region) =>
  [exterior, ...holes].map(({ corners, from, to }) =>
    Array.from({ length: to - from }, (_, k) => corners[from + k] ?? 0),
  );

describe('traceRegions', () => {
  it('traces a pixel counter-clockwise by its coordinates', () => {
    expect(trace(['000', '010', '000']).map(ringsOf)).toEqual([[[1, 1, 2, 1, 2, 2, 1, 2]]]);
  });

  it('traces a hole the other way and counts the remaining pixels', () => {
    const [region] = trace(['111', '101', '111']);
    expect(region?.area).toBe(8);
    expect(region?.holes.map((hole) => doubleArea(hole) / 2)).toEqual([-1]);
  });

  it('separates pixels that touch only at a corner', () => {
    expect(trace(['10', '01']).map(({ area }) => area)).toEqual([1, 1]);
  });

  it('splits a hole that touches itself at a corner', () => {
    const [region, ...others] = trace(['1111', '1011', '1101', '1111']);
    expect(others).toEqual([]);
    expect(region?.holes.map(({ from, to }) => (to - from) / 2)).toEqual([4, 4]);
  });

  it('turns a bay that closes at a corner into a hole', () => {
    // The outer border comes by (3, 1) twice.
    const [region] = trace(['1110', '1011', '1111']);
    expect(region?.area).toBe(10);
    expect(region?.holes.map((hole) => doubleArea(hole) / 2)).toEqual([-1]);
    expect(ringsAreSimple(region)).toBe(true);
  });

  it('separates an island in a hole from its surroundings', () => {
    const regions = trace(['11111', '10001', '10201', '10001', '11111']);
    expect(regions.map(({ label, area }) => [label, area])).toEqual([
      [1, 16],
      [2, 1],
    ]);
  });

  it('covers every pixel of every mask once, with simple rings, holes inside', () => {
    const masks = fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 3 }))
      .chain(([width, height, most]) =>
        fc.record({
          width: fc.constant(width),
          height: fc.constant(height),
          data: fc.uint8Array({ minLength: width * height, maxLength: width * height, max: most }),
        }),
      );
    fc.assert(
      fc.property(masks, (mask) => {
        const regions = [...traceRegions(mask, (label) => label > 0)];
        const found = new Uint8Array(mask.data.length);
        for (const region of regions) {
          expect(ringsAreSimple(region)).toBe(true);
          expect(doubleArea(region.exterior)).toBeGreaterThan(0);
          for (const hole of region.holes) expect(doubleArea(hole)).toBeLessThan(0);
          fill(region, mask.width, found);
        }
        expect(found).toEqual(mask.data);
        expect(regions.length).toBe(countRegions(mask));
      }),
      { numRuns: 500 },
    );
  });
});

/** No ring comes by a corner twice, and every step is along one axis. */
function ringsAreSimple(region: Region | undefined): boolean {
  return (region === undefined ? [] : ringsOf(region)).every((ring) => {
    const corners = Array.from({ length: ring.length / 2 }, (_, k) => `${ring[2 * k]} ${ring[2 * k + 1]}`);
    const isStraight = corners.every((_, k) => {
      const next = (2 * k + 2) % ring.length;
      return (ring[2 * k] === ring[next]) !== (ring[2 * k + 1] === ring[next + 1]);
    });
    return isStraight && corners.length >= 4 && new Set(corners).size === corners.length;
  });
}

/** Even-odd rule at the middle of every pixel. */
function fill(region: Region, width: number, into: Uint8Array): void {
  for (let at = 0; at < into.length; at++) {
    const [x, y] = [(at % width) + 0.5, Math.floor(at / width) + 0.5];
    const crossings = ringsOf(region).reduce((sum, ring) => sum + crossingsOf(ring, x, y), 0);
    if (crossings % 2 === 0) continue;
    expect(into[at]).toBe(0);
    into[at] = region.label;
  }
}

function crossingsOf(ring: readonly number[], x: number, y: number): number {
  let count = 0;
  for (let at = 0; at < ring.length; at += 2) {
    const next = (at + 2) % ring.length;
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = [ring[at], ring[at + 1], ring[next], ring[next + 1]];
    if (x1 === x2 && x1 > x && Math.min(y1, y2) < y && y < Math.max(y1, y2)) count++;
  }
  return count;
}

/** Regions by flooding, to compare with. */
function countRegions({ width, height, data }: { width: number; height: number; data: Uint8Array }): number {
  const seen = new Uint8Array(data.length);
  let count = 0;
  for (let start = 0; start < data.length; start++) {
    if (data[start] === 0 || seen[start] === 1) continue;
    count++;
    const open = [start];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen[at] === 1) continue;
      seen[at] = 1;
      const [x, y] = [at % width, Math.floor(at / width)];
      const near = [x > 0 && at - 1, x + 1 < width && at + 1, y > 0 && at - width, y + 1 < height && at + width];
      for (const next of near) if (next !== false && data[next] === data[start]) open.push(next);
    }
  }
  return count;
}
