import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readNpy } from '../../../toolkit/numpy.ts';
import { placeRows, readCandidates } from '../../../toolkit/yolo/detect/candidates.ts';
import { overlappingTiles, type Rectangle } from '../../../toolkit/yolo/detect/image-views.ts';
import { type KeptBox, mergeTiles } from '../../../toolkit/yolo/detect/merge-tiles.ts';
import { NMS_OUTCOMES, suppressed } from '../../../toolkit/yolo/detect/nms.ts';
import { selectInViews } from '../../../toolkit/yolo/detect/select-detections.ts';
import { randomNumbers } from '../../support/random-numbers.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/ultralytics');
const SIDE = 100;
const OVERLAP = 40;

/** What a detector that knows every object would keep of each tile: cut at its border, and never twice quite the same. */
function seenInTiles(objects: readonly Rectangle[], tiles: ReturnType<typeof overlappingTiles>, jitter: () => number) {
  const boxes: (KeptBox & { object: number })[] = [];
  for (const { index: tile, covers } of tiles) {
    for (const [object, box] of objects.entries()) {
      const [x1, y1, x2, y2] = box;
      const cut = [
        Math.max(x1 + jitter(), covers[0]),
        Math.max(y1 + jitter(), covers[1]),
        Math.min(x2 + jitter(), covers[2]),
        Math.min(y2 + jitter(), covers[3]),
      ] as const;
      const isVisible = cut[2] - cut[0] > 0.3 * (x2 - x1) && cut[3] - cut[1] > 0.3 * (y2 - y1);
      if (isVisible) boxes.push({ tile, label: object % 2, score: 0.5 + jitter() / 100, box: cut, object });
    }
  }
  return boxes;
}

describe('mergeTiles', () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))('counts every object once (seed %i)', (seed) => {
    const { below } = randomNumbers(seed + 1);
    const size = { width: 230 + below(200), height: 90 + below(200) };
    const tiles = overlappingTiles(size, SIDE, OVERLAP);
    const objects: Rectangle[] = [];
    // Cells side by side, some touching, none larger than half of what tiles share.
    for (let y = 2; y < size.height - 20; y += 17) {
      for (let x = 2; x < size.width - 20; x += 17) {
        const [left, top, side] = [x + below(4), y + below(4), 12 + below(7)];
        objects.push([left, top, Math.min(left + side, size.width), Math.min(top + side, size.height)]);
      }
    }
    const boxes = seenInTiles(objects, tiles, () => below(300) / 100 - 1.5);
    const outcomes = mergeTiles(boxes, tiles, 0.7);
    const kept = boxes.filter((_, index) => outcomes[index] === 'kept');
    const counts = objects.map((_, object) => kept.filter((box) => box.object === object).length);
    expect(counts.filter((count) => count === 0)).toEqual([]);
    expect(counts.filter((count) => count > 1)).toEqual([]);
  });

  it('keeps a box of a single tile only if that tile owns its position', () => {
    const tiles = overlappingTiles({ width: 160, height: 100 }, SIDE, OVERLAP);
    expect(tiles.map(({ owns: [from, , to] }) => [from, to])).toEqual([
      [Number.NEGATIVE_INFINITY, 80],
      [80, Infinity],
    ]);
    const alone = (tile: number, x: number): KeptBox => ({ tile, label: 0, score: 0.9, box: [x - 5, 20, x + 5, 30] });
    expect(mergeTiles([alone(0, 70), alone(0, 90)], tiles, 0.7)).toEqual(['kept', 'seam']);
  });

  it('prefers a complete object to a part of it, whatever the scores', () => {
    const tiles = overlappingTiles({ width: 160, height: 100 }, SIDE, OVERLAP);
    const whole: KeptBox = { tile: 1, label: 0, score: 0.4, box: [62, 20, 112, 40] };
    const part: KeptBox = { tile: 0, label: 0, score: 0.9, box: [62, 20, 100, 40] };
    expect(mergeTiles([part, whole], tiles, 0.7)).toEqual([1, 'kept']);
    const sliver: KeptBox = { tile: 0, label: 0, score: 0.9, box: [88, 20, 100, 40] };
    expect(mergeTiles([whole, sliver], tiles, 0.7)).toEqual(['kept', 'seam']);
  });
});

describe('selectInViews', () => {
  it('finds in crowded boxes what ultralytics finds, class by class', async () => {
    const { data } = await readNpy(join(FIXTURES, 'crowd.npy'));
    const head = new Float32Array(400 * 7);
    placeRows(Float32Array.from(data, Number), 'yolov8', 400, 2, head);
    const candidates = readCandidates(head, 2, 0.1);
    const options = { confidence: 0.25, iou: 0.45 };
    const { order, outcomes } = suppressed(candidates, 'by-class', options);
    const kept = Array.from(order).filter((index) => outcomes[index] === NMS_OUTCOMES.kept);
    const expected = z
      .array(z.array(z.number()).length(7))
      .parse(JSON.parse(await readFile(join(FIXTURES, 'boxes.json'), 'utf8')));
    expect(kept).toHaveLength(expected.length);
    for (const [place, [, x1 = 0, , , , score = 0, label]] of expected.entries()) {
      const index = kept[place] ?? 0;
      expect(candidates.classes[index]).toBe(label);
      expect(candidates.scores[index]).toBeCloseTo(score, 6);
      expect(candidates.corners[4 * index]).toBeCloseTo(x1, 3);
    }
    const together = suppressed(candidates, 'together', options);
    expect(together.outcomes.filter((outcome) => outcome === NMS_OUTCOMES.kept).length).toBeLessThan(kept.length);
    const none = suppressed(candidates, 'none', options);
    expect(none.outcomes.filter((outcome) => outcome >= 0)).toHaveLength(0);
  });

  it('clips boxes at the borders of the image and numbers rows over all tiles', () => {
    const tiles = overlappingTiles({ width: 160, height: 90 }, SIDE, OVERLAP);
    const box = (x: number, y: number) => [x, y, 20, 20, 1, 0.9];
    const of = (...rows: number[][]) => readCandidates(Float32Array.from(rows.flat()), 1, 0.1);
    const first = of(box(5, 5), box(90, 50));
    const second = of(box(30, 50), box(95, 85));
    const { candidates, points } = selectInViews(
      [first, second],
      tiles,
      { width: 160, height: 90 },
      {
        suppression: 'by-class',
        confidence: 0.25,
        iou: 0.7,
        recorded: 0.1,
      },
    );
    expect(
      candidates.map(({ tile, x1, y1, x2, y2, outcome, suppressedBy }) => [
        tile,
        x1,
        y1,
        x2,
        y2,
        suppressedBy ?? outcome,
      ]),
    ).toEqual([
      [0, 0, 0, 15, 15, 'point'],
      [0, 80, 40, 100, 60, 2],
      [1, 80, 40, 100, 60, 'point'],
      [1, 145, 75, 160, 90, 'point'],
    ]);
    expect(points).toEqual([
      { x: 7.5, y: 7.5, label: 0, score: expect.closeTo(0.9, 6) },
      { x: 90, y: 50, label: 0, score: expect.closeTo(0.9, 6) },
      { x: 152.5, y: 82.5, label: 0, score: expect.closeTo(0.9, 6) },
    ]);
  });
});
