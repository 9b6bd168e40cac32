import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellDefinition } from '../../../toolkit/tasks/registry.ts';
import { type Candidates, readCandidates } from '../../../toolkit/yolo/detect/candidates.ts';
import { NMS_OUTCOMES, nms } from '../../../toolkit/yolo/detect/nms.ts';
import { floatsOf } from './support/fixtures.ts';

function candidatesOf(
  boxes: readonly (readonly [x1: number, y1: number, x2: number, y2: number, score: number])[],
): Candidates {
  return {
    count: boxes.length,
    corners: Float32Array.from(boxes.flatMap((box) => box.slice(0, 4))),
    scores: Float32Array.from(boxes.map((box) => box[4])),
    classes: new Uint16Array(boxes.length),
  };
}

function keptOf({ order, outcomes }: ReturnType<typeof nms>): readonly number[] {
  return [...order].filter((index) => outcomes[index] === NMS_OUTCOMES.kept);
}

/** Every box against every better one, as torchvision's loop goes. */
function naiveFates({ corners, scores, count }: Candidates, iou: number): readonly number[] {
  const f = Math.fround;
  const corner = (index: number, column: number) => corners[4 * index + column] ?? Number.NaN;
  const area = (index: number) => f(f(corner(index, 2) - corner(index, 0)) * f(corner(index, 3) - corner(index, 1)));
  const order = Array.from({ length: count }, (_, index) => index).sort(
    (a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b,
  );
  const outcomes: number[] = Array.from({ length: count }, () => NMS_OUTCOMES.kept);
  for (const [rank, one] of order.entries()) {
    if (outcomes[one] !== NMS_OUTCOMES.kept) continue;
    for (const other of order.slice(rank + 1)) {
      const width = Math.max(
        0,
        f(Math.min(corner(one, 2), corner(other, 2)) - Math.max(corner(one, 0), corner(other, 0))),
      );
      const height = Math.max(
        0,
        f(Math.min(corner(one, 3), corner(other, 3)) - Math.max(corner(one, 1), corner(other, 1))),
      );
      const inter = f(width * height);
      const overlap = f(inter / f(f(area(one) + area(other)) - inter));
      if (outcomes[other] === NMS_OUTCOMES.kept && overlap > iou) outcomes[other] = one;
    }
  }
  return outcomes;
}

describe('readCandidates', () => {
  it('multiplies objectness and class, takes the best class, and drops scores up to the minimum', () => {
    const head = Float32Array.of(
      ...[10, 20, 4, 8, 0.5, 0.5, 0.75], // 0.375 for class 1
      ...[10, 20, 4, 8, 0.25, 1, 1], // objectness at the floor
      ...[10, 20, 4, 8, 0.5, 0.5, 0.5], // score at the floor
      ...[30, 30, 3, 3, 1, 0.875, 0.875], // equal classes: the first
    );
    const candidates = readCandidates(head, 2, 0.25);
    expect(candidates.count).toBe(2);
    expect([...candidates.scores]).toEqual([0.375, 0.875]);
    expect([...candidates.classes]).toEqual([1, 0]);
    expect([...candidates.corners]).toEqual([8, 16, 12, 24, 28.5, 28.5, 31.5, 31.5]);
  });

  it('compares with the threshold as float32, like PyTorch', () => {
    const above = Math.fround(0.6); // 0.60000002...: above 0.6, not above float32(0.6)
    expect(readCandidates(Float32Array.of(0, 0, 1, 1, above, 1), 1, 0.6).count).toBe(0);
  });
});

describe('nms', () => {
  it.each(['nuclei', 'pdl1'] as const)(
    'keeps the boxes that YOLOv5 and torchvision keep with the settings of %s',
    async (task) => {
      const { confidence, iou } = cellDefinition(task).settings;
      const expected = await floatsOf(`nms-${task}.npy`);
      const candidates = readCandidates(await floatsOf('nms-head.npy'), 3, confidence);
      const rows = keptOf(nms(candidates, { confidence, iou })).map((index) => [
        ...candidates.corners.subarray(4 * index, 4 * index + 4),
        candidates.scores[index] ?? Number.NaN,
        candidates.classes[index] ?? Number.NaN,
      ]);
      const ours = rows.map((row) => row.join()).sort();
      const theirs = Array.from({ length: expected.length / 6 }, (_, row) =>
        expected.subarray(6 * row, 6 * row + 6).join(),
      ).sort();
      // Sorted: torch gives equal scores in any order, and the fixture is full of them.
      expect(ours).toEqual(theirs);
    },
  );

  it('lets the better of two boxes suppress the other, whatever their classes, only above the threshold', () => {
    const pair = candidatesOf([
      [0, 0, 10, 10, 0.6],
      [0, 0, 10, 5, 0.9],
    ]);
    const of = (iou: number) => [...nms(pair, { confidence: 0.5, iou }).outcomes];
    expect(of(0.5)).toEqual([NMS_OUTCOMES.kept, NMS_OUTCOMES.kept]); // IoU is 0.5
    expect(of(0.499)).toEqual([1, NMS_OUTCOMES.kept]);
  });

  it('sorts equal scores by index, and says which box suppressed', () => {
    const same = [0, 0, 10, 10, 0.75] as const;
    const { order, outcomes } = nms(candidatesOf([[50, 50, 60, 60, 0.625], same, same, same]), {
      confidence: 0.5,
      iou: 0.5,
    });
    expect([...order]).toEqual([1, 2, 3, 0]);
    expect([...outcomes]).toEqual([NMS_OUTCOMES.kept, NMS_OUTCOMES.kept, 1, 1]);
  });

  it('lets a suppressed box suppress nothing', () => {
    const row = candidatesOf([
      [0, 0, 10, 10, 0.9],
      [3, 0, 13, 10, 0.8], // IoU 7/13 with both neighbours
      [6, 0, 16, 10, 0.7], // IoU 4/16 with the first
    ]);
    expect([...nms(row, { confidence: 0.5, iou: 0.5 }).outcomes]).toEqual([NMS_OUTCOMES.kept, 0, NMS_OUTCOMES.kept]);
  });

  it('leaves out boxes below the confidence and beyond the limits', () => {
    const apart = candidatesOf([0.9, 0.8, 0.7, 0.6, 0.5].map((score, k) => [20 * k, 0, 20 * k + 10, 10, score]));
    const { outcomes } = nms(apart, { confidence: 0.5, iou: 0.5, maxCandidates: 3, maxKept: 2 });
    expect([...outcomes]).toEqual([
      NMS_OUTCOMES.kept,
      NMS_OUTCOMES.kept,
      NMS_OUTCOMES.overLimit,
      NMS_OUTCOMES.overLimit,
      NMS_OUTCOMES.belowConfidence,
    ]);
  });

  it('gives the same result as comparing every pair', () => {
    const number = (max: number) => fc.integer({ min: 0, max: 8 * max }).map((eighths) => eighths / 8);
    const box = fc
      .tuple(number(100), number(100), number(40), number(40), number(1))
      .map(([x, y, width, height, score]) => [x - 5, y, x - 5 + width, y + height, 0.5 + score / 2.5] as const);
    fc.assert(
      fc.property(fc.array(box, { maxLength: 60 }), fc.constantFrom(0, 0.2, 0.5, 0.6, 0.9), (boxes, iou) => {
        const candidates = candidatesOf(boxes);
        expect([...nms(candidates, { confidence: 0.1, iou }).outcomes]).toEqual(naiveFates(candidates, iou));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps 30,000 boxes that hardly overlap, without comparing every pair', () => {
    const boxes = Array.from({ length: 30_000 }, (_, k) => {
      const [x, y] = [(k % 200) * 2.5, Math.floor(k / 200) * 3.4];
      return [x, y, x + 3, y + 4, 0.5 + ((k * 7919) % 30_000) / 60_001] as const;
    });
    const { outcomes } = nms(candidatesOf(boxes), { confidence: 0.5, iou: 0.5, maxKept: 30_000 });
    expect(outcomes.filter((outcome) => outcome >= 0)).toHaveLength(0);
  });
});
