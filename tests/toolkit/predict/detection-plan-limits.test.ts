import { describe, expect, it } from 'vitest';
import { fullTileNotes, limitCautions, limitsOf } from '../../../toolkit/predict/detection-plan.ts';
import type { View } from '../../../toolkit/yolo/detect/image-views.ts';
import { NMS_OUTCOMES, nms, SCRIPT_LIMITS } from '../../../toolkit/yolo/detect/nms.ts';

/** Boxes that do not overlap, with scores above 0.5. */
function apart(count: number) {
  const corners = Float32Array.from({ length: 4 * count }, (_, at) => 10 * (at >> 2) + (at % 4 < 2 ? 0 : 8));
  const scores = new Float32Array(count).fill(0.9);
  return { count, corners, scores, classes: new Uint16Array(count) };
}

function kept(count: number, view: View | undefined): number {
  const options = { confidence: 0.5, iou: 0.5, ...limitsOf({ ...(view && { view }) }) };
  return nms(apart(count), options).outcomes.filter((outcome) => outcome === NMS_OUTCOMES.kept).length;
}

const BOX = { outcome: 'limit', class: 0, score: 0.9, x1: 0, y1: 0, x2: 1, y2: 1 } as const;

describe('limitsOf', () => {
  it('keeps as many boxes as the scripts in their tiles, and all boxes in any other view', () => {
    expect(kept(3_592, undefined)).toBe(SCRIPT_LIMITS.maxKept);
    expect(kept(3_592, { kind: 'tiles', overlap: 0 })).toBe(3_592);
    expect(kept(31_000, { kind: 'tiles', overlap: 64 })).toBe(31_000);
  });

  it('stays the same when sent as JSON', () => {
    const limits = limitsOf({ view: { kind: 'tiles', overlap: 0 } });
    expect(JSON.parse(JSON.stringify(limits))).toEqual(limits);
  });
});

describe('limitCautions', () => {
  it('gives the number of boxes and tiles beyond the limit, and says nothing if there are none', () => {
    expect(limitCautions([{ ...BOX, tile: 0, outcome: 'point' }])).toEqual([]);
    expect(limitCautions([{ ...BOX, tile: 0 }])).toEqual([
      expect.stringMatching(/^Do not trust these numbers: 1 box was left out,.* 1500 per tile and 1 tile has more/),
    ]);
    expect(limitCautions([0, 0, 3].map((tile) => ({ ...BOX, tile })))).toEqual([
      expect.stringMatching(/3 boxes were left out,.* 2 tiles have more/),
    ]);
  });
});

describe('fullTileNotes', () => {
  it('gives the number of boxes of this network, and says nothing if no tile has as many', () => {
    const found = [0, 0, 0, 1].map((tile) => ({ ...BOX, tile, outcome: 'point' }) as const);
    expect(fullTileNotes(found, 3)).toEqual([expect.stringContaining('at most 3 boxes per tile')]);
    expect(fullTileNotes(found, 4)).toEqual([]);
    expect(fullTileNotes([], 300)).toEqual([]);
  });
});
