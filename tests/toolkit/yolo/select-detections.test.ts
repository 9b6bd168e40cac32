import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candidates } from '../../../toolkit/yolo/detect/candidates.ts';
import type { ImageBoxes } from '../../../toolkit/yolo/detect/detection-files.ts';
import { selectDetections } from '../../../toolkit/yolo/detect/select-detections.ts';

/** Scores on a coarse grid, so that many are equal; places on a small one, so that many boxes overlap. */
const box = fc.record({
  x: fc.integer({ min: 0, max: 40 }),
  y: fc.integer({ min: 0, max: 40 }),
  side: fc.integer({ min: 4, max: 20 }),
  score: fc.integer({ min: 2, max: 32 }).map((k) => k / 32),
  label: fc.integer({ min: 0, max: 2 }),
});
type Box = typeof box extends fc.Arbitrary<infer Value> ? Value : never;

function candidatesOf(boxes: readonly Box[]): Candidates {
  return {
    count: boxes.length,
    corners: Float32Array.from(boxes.flatMap(({ x, y, side }) => [x, y, x + side, y + side])),
    scores: Float32Array.from(boxes, ({ score }) => score),
    classes: Uint16Array.from(boxes, ({ label }) => label),
  };
}

/** What a network that is asked with this floor leaves. */
function seenFrom(floor: number, tiles: readonly (readonly Box[])[]): ImageBoxes {
  return {
    ...{ model: 'm', width: 128, height: 64, tile: 64, classes: ['a', 'b', 'c'], floor },
    tiles: tiles.map((boxes, index) => ({
      tile: { index, left: 64 * index, top: 0 },
      candidates: candidatesOf(boxes.filter(({ score }) => score > floor)),
    })),
  };
}

const tiles = fc.tuple(fc.array(box, { maxLength: 40 }), fc.array(box, { maxLength: 40 }));
const level = fc.integer({ min: 2, max: 31 }).map((k) => k / 32);
const limits = fc.record({ maxCandidates: fc.integer({ min: 1, max: 30 }), maxKept: fc.integer({ min: 1, max: 12 }) });

describe('selectDetections', () => {
  it('selects from boxes with low scores the same as from those above the confidence, limits and ties included', async () => {
    await fc.assert(
      fc.asyncProperty(
        tiles,
        level,
        fc.double({ min: 0, max: 1, noNaN: true }),
        limits,
        async (boxes, confidence, iou, most) => {
          const options = { confidence, iou, ...most, box: [10, 5, 100, 60] as const };
          const direct = await selectDetections(seenFrom(confidence, boxes), options);
          const kept = await selectDetections(seenFrom(0.05, boxes), options);
          expect(kept.points).toEqual(direct.points);
          const above = kept.file.candidates.filter(({ score }) => score > confidence);
          expect(above.map(({ outcome }) => outcome)).toEqual(direct.file.candidates.map(({ outcome }) => outcome));
        },
      ),
    );
  });

  it('identifies the suppressing candidate by its index in the list of all tiles', async () => {
    const strong = { x: 0, y: 0, side: 10, score: 0.9, label: 0 };
    const { file } = await selectDetections(seenFrom(0.05, [[strong], [strong, { ...strong, score: 0.8 }]]), {
      confidence: 0.5,
      iou: 0.5,
    });
    expect(file.candidates.map(({ outcome, suppressedBy }) => [outcome, suppressedBy])).toEqual([
      ['point', undefined],
      ['point', undefined],
      ['suppressed', 1],
    ]);
  });
});
