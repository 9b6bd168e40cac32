import type { Candidates } from './candidates.ts';
import { NMS_OUTCOMES, type NmsOptions, type NmsResult, nms } from './nms.ts';

/**
 * Which boxes may suppress each other: all (`together`, as in the paper's scripts), those of one class (`by-class`, as in
 * Ultralytics and YOLOv5), or none (`none`, for a network that leaves one box an object).
 */
export type Suppression = 'together' | 'by-class' | 'none';

/** Distance between the boxes of two classes in px, as Ultralytics and YOLOv5 move them apart. */
const CLASS_DISTANCE = 7_680;

/** Decides what becomes of the candidates of one tile. */
export function suppressed(candidates: Candidates, suppression: Suppression, options: NmsOptions): NmsResult {
  if (suppression === 'together') return nms(candidates, options);
  if (suppression === 'by-class') return nms(apart(candidates), options);
  return withoutSuppression(candidates, options);
}

/** Boxes moved so far that those of two classes never meet; float32, which rounds them as it does there. */
function apart(candidates: Candidates): Candidates {
  const { corners, classes } = candidates;
  return { ...candidates, corners: corners.map((value, at) => value + (classes[at >> 2] ?? 0) * CLASS_DISTANCE) };
}

/** Order and confidence as in suppression, where no box overlaps another. */
function withoutSuppression(candidates: Candidates, options: NmsOptions): NmsResult {
  const corners = new Float32Array(candidates.corners.length);
  const { order, outcomes } = nms({ ...candidates, corners }, options);
  return { order, outcomes: outcomes.map((outcome) => (outcome >= 0 ? NMS_OUTCOMES.kept : outcome)) };
}
