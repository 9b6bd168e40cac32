import type { CellPoint } from '../dataset/cell-point.ts';
import { ReigniteError } from '../errors.ts';

/**
 * Checks that points have a place and one of the classes.
 *
 * @param classes - Number of classes.
 * @param source - Names the points in errors.
 * @returns The same points.
 * @throws ReigniteError NPY_INVALID naming the first that has not.
 */
export function expectClasses(points: readonly CellPoint[], classes: number, source: string): readonly CellPoint[] {
  for (const [index, { x, y, class: of }] of points.entries()) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      throw new ReigniteError('NPY_INVALID', `Point ${index} of ${source} is at (${x}, ${y}).`);
    }
    if (!Number.isInteger(of) || of < 0 || of >= classes) {
      const cause = `Point ${index} of ${source} has the class ${of}; there are ${classes}, counted from 0.`;
      throw new ReigniteError('NPY_INVALID', cause);
    }
  }
  return points;
}
