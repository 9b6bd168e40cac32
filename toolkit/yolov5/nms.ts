import type { Candidates } from './candidates.ts';
import { OverlapGrid } from './overlap-grid.ts';

/** What became of a candidate; an index of another candidate means that one suppressed it. */
export const FATE = { kept: -1, belowConfidence: -2, overLimit: -3 } as const;

export interface NmsOptions {
  /** Scores must be above it; compared as float32. */
  readonly confidence: number;
  /** Boxes whose IoU with a better one is above it go; in [0, 1], compared with the IoU as it is. */
  readonly iou: number;
  /** Candidates looked at, best first. Default 30,000, as in YOLOv5. */
  readonly maxCandidates?: number;
  /** Boxes kept, best first. Default 1,500, as the authors' scripts have it. */
  readonly maxKept?: number;
}

export interface NmsResult {
  /** All candidates, by score descending, equal scores by index. */
  readonly order: Uint32Array;
  /** Of each candidate by index: one of `FATE`, or the index of the candidate that suppressed it. */
  readonly fates: Int32Array;
}

const MAX_CANDIDATES = 30_000;
export const MAX_KEPT = 1_500;

/** Limits of both of the authors' scripts. */
export const SCRIPT_LIMITS = { maxCandidates: MAX_CANDIDATES, maxKept: MAX_KEPT } as const;

/**
 * Non-maximum suppression over all classes together: the best box stays, boxes that overlap it too much go, and so on.
 *
 * Every step is rounded to float32 as in torchvision's kernel, so that an IoU at the threshold falls on the same side.
 * Unlike YOLOv5's, it has no time limit, and equal scores have an order.
 *
 * @see `non_max_suppression` of YOLOv5 7.0; `nms_kernel.cpp` of torchvision 0.20
 */
export function nms(candidates: Candidates, options: NmsOptions): NmsResult {
  const { iou, maxCandidates = MAX_CANDIDATES, maxKept = MAX_KEPT } = options;
  const least = Math.fround(options.confidence);
  const order = byScore(candidates.scores);
  const fates = new Int32Array(candidates.count);
  const kept = new OverlapGrid(candidates.corners);
  let looked = 0;
  for (const index of order) {
    if (!((candidates.scores[index] ?? 0) > least)) fates[index] = FATE.belowConfidence;
    else if (looked++ >= maxCandidates) fates[index] = FATE.overLimit;
    else {
      const better = kept.firstOverlapping(index, iou);
      fates[index] = better ?? (kept.size < maxKept ? FATE.kept : FATE.overLimit);
      // One beyond the limit still suppresses others, which would not have come in either.
      if (better === undefined) kept.add(index);
    }
  }
  return { order, fates };
}

/** Indices by score descending; equal scores by index. */
function byScore(scores: Float32Array): Uint32Array {
  // Positive floats sort as their bits do; score and index together are one exact number, which sorts fast.
  const bits = new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
  const keys = new Float64Array(bits.length);
  for (let index = 0; index < keys.length; index++) keys[index] = (0x7f80_0000 - (bits[index] ?? 0)) * 2 ** 22 + index;
  keys.sort();
  const order = new Uint32Array(keys.length);
  for (let place = 0; place < order.length; place++) order[place] = (keys[place] ?? 0) % 2 ** 22;
  return order;
}
