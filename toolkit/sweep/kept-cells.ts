import type { Box } from '../tasks/work.ts';
import { roundedCoordinate } from '../yolo/detect/candidates.ts';
import type { ImageBoxes } from '../yolo/detect/image-boxes.ts';
import { SCRIPT_LIMITS } from '../yolo/detect/nms.ts';
import { selectDetections } from '../yolo/detect/select-detections.ts';
import type { ScoredCell } from './sweep-cells.ts';

/** Selects the points of an image at the lowest threshold for which its boxes are stored, with their scores. */
export async function keptCells(boxes: ImageBoxes, iou: number, box: Box | undefined): Promise<readonly ScoredCell[]> {
  const limits = { ...SCRIPT_LIMITS, confidence: boxes.floor, iou };
  const { points } = await selectDetections(boxes, { ...limits, ...(box && { box }) });
  return points.map(({ x, y, label, score }) => ({
    x: roundedCoordinate(x),
    y: roundedCoordinate(y),
    class: label,
    score,
  }));
}
