import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellFeatures, cellsOfImage } from '../../../toolkit/predict/found-cell.ts';
import type { Candidate, CandidatesFile } from '../../../toolkit/yolo/detect/detection-files.ts';

const HEAD = { schema: 2, model: 'm', tile: 512, classes: ['a'], confidence: 0.5, iou: 0.5, recorded: 0.25, box: null };

function fileOf(width: number, height: number, centres: readonly (readonly [number, number])[]): CandidatesFile {
  const candidates = centres.map(
    ([x, y]): Candidate => ({
      ...{ tile: 0, class: 0, score: 0.9, outcome: 'point' },
      ...{ x1: x - 2, y1: y - 2, x2: x + 2, y2: y + 2 },
    }),
  );
  return { ...HEAD, schema: 2, width, height, candidates };
}

const side = fc.integer({ min: 1, max: 700 });
const sizes = fc.record({ width: side, height: side });
const place = fc.float({ min: -20, max: 1100, noNaN: true });

describe('cellsOfImage', () => {
  it('writes no point outside the image, whatever the network detects', () => {
    fc.assert(
      fc.property(sizes, sizes, fc.array(fc.tuple(place, place)), (seen, image, centres) => {
        const points = centres.flatMap(([x, y]) => [x, y, 0]);
        const { cells, outside, candidates } = cellsOfImage(fileOf(seen.width, seen.height, centres), points, image);
        for (const { x, y } of cells) {
          expect(x >= 0 && x < image.width && y >= 0 && y < image.height).toBe(true);
        }
        const outcomes = candidates.candidates.map(({ outcome }) => outcome);
        expect(outcomes.filter((outcome) => outcome === 'point')).toHaveLength(cells.length);
        expect(outcomes.filter((outcome) => outcome === 'outside')).toHaveLength(outside);
        expect(cells.length + outside).toBe(centres.length);
        expect([candidates.width, candidates.height]).toEqual([image.width, image.height]);
      }),
    );
  });

  it("returns points, boxes and candidates in px of the image, and the network's input size", () => {
    const { cells, candidates } = cellsOfImage(fileOf(50, 40, [[10, 20]]), [10, 20, 0], { width: 100, height: 80 });
    expect(cells).toEqual([{ x: 20, y: 40, class: 0, score: 0.9, box: [16, 36, 24, 44] }]);
    expect(candidates).toMatchObject({ seenAt: { width: 50, height: 40 }, width: 100, height: 80 });
    expect(candidates.candidates).toEqual([
      { tile: 0, class: 0, score: 0.9, x1: 16, y1: 36, x2: 24, y2: 44, outcome: 'point' },
    ]);
  });

  it('keeps a point on the first pixel and leaves out one on the border after the last', () => {
    const centres = [
      [0, 0],
      [0.99, 0.5],
      [1, 0.5],
    ] as const;
    const { cells, outside } = cellsOfImage(fileOf(1, 1, centres), [0, 0, 0, 0.99, 0.5, 0, 1, 0.5, 0], {
      width: 1,
      height: 1,
    });
    expect([cells.length, outside]).toEqual([2, 1]);
  });
});

describe('cellFeatures', () => {
  const cell = { x: 5, y: 6, class: 0, score: 0.9, box: [1, 2, 9, 12.5] } as const;
  const classes = [{ name: 'nucleus', color: [0, 0, 255] }] as const;

  it('gives QuPath a detection with class, score and size', () => {
    expect([...cellFeatures([cell], classes)]).toEqual([
      {
        geometry: { type: 'Point', coordinates: [5, 6] },
        objectType: 'detection',
        classification: classes[0],
        measurements: { Score: 0.9, 'Box width px': 8, 'Box height px': 10.5 },
      },
    ]);
  });

  it('gives sizes in µm if the pixel size is known', () => {
    const [feature] = cellFeatures([cell], classes, 0.5);
    expect(feature?.measurements).toMatchObject({ 'Box width µm': 4, 'Box height µm': 5.25 });
  });
});
