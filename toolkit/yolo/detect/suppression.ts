import type { Candidates } from './candidates.ts';
import { NMS_OUTCOMES, type NmsOptions, type NmsResult, nms } from './nms.ts';

/**
 * Which boxes may suppress each other: all (`together`, as in the paper's scripts), those of the same class (`by-class`, as
 * in Ultralytics and YOLOv5), or none (`none`, for a network that outputs one box per object).
 */
export type Suppression = 'together' | 'by-class' | 'none';

/** Offset in px by which Ultralytics and YOLOv5 move the boxes of different classes apart. */
const CLASS_DISTANCE = 7_680;

/** Applies non-maximum suppression of the given kind to the candidates of one tile. */
export function suppressed(candidates: Candidates, suppression: Suppression, options: NmsOptions): NmsResult {
  if (suppression === 'together') return nms(candidates, options);
  if (suppression === 'by-class') return nms(apart(candidates), options);
  return withoutSuppression(candidates, options);
}

/** Moves boxes so that those of different classes never intersect. Uses float32, with the same rounding as in Ultralytics. */
function apart(candidates: Candidates): Candidates {
  const { corners, classes } = candidates;
  return { ...candidates, corners: corners.map((value, at) => value + (classes[at >> 2] ?? 0) * CLASS_DISTANCE) };
}

/** Applies only the order, the confidence threshold and the limits of non-maximum suppression. */
function withoutSuppression(candidates: Candidates, options: NmsOptions): NmsResult {
  const corners = new Float32Array(candidates.corners.length);
  const { order, outcomes } = nms({ ...candidates, corners }, options);
  return { order, outcomes: outcomes.map((outcome) => (outcome >= 0 ? NMS_OUTCOMES.kept : outcome)) };
}
