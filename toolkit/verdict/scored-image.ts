import type { CellPoint } from '../dataset/cell-point.ts';
import { ReigniteError } from '../errors.ts';
import type { CandidatesFile } from '../yolov5/candidates-file.ts';
import type { ScoredImage, ScoredPoint } from './compare-points.ts';

/**
 * Puts the scores of `candidates/<task>/<stem>.json` to the points of the `.npy`.
 *
 * @throws ReigniteError NPY_INVALID when the two are not of one detection.
 */
export function scoredImage(roi: string, points: readonly CellPoint[], file: CandidatesFile): ScoredImage {
  const scored: ScoredPoint[] = [];
  const dropped: ScoredPoint[] = [];
  for (const [, label, score, x1, y1, x2, y2, outcome] of file.candidates) {
    const point = outcome === 'point' ? points[scored.length] : { x: (x1 + x2) / 2, y: (y1 + y2) / 2, class: label };
    if (point !== undefined) (outcome === 'point' ? scored : dropped).push({ ...point, score });
  }
  if (scored.length !== points.length) {
    const cause = `The ${points.length} points of ${roi} are not those of its candidates (${scored.length}).`;
    throw new ReigniteError('NPY_INVALID', cause, { remedy: 'Run again with `--fresh`: the image is detected anew.' });
  }
  return { points: scored, dropped, threshold: file.confidence };
}
