import { join } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { ReigniteError } from '../errors.ts';
import { unlessMissing } from '../files/file-access.ts';
import { readNpy } from '../numpy.ts';
import { cellDefinition } from '../tasks/registry.ts';

/** A cell, as a point. */
export interface CellPoint {
  /** From the left edge of the image, in px. */
  readonly x: number;
  /** From the upper edge, in px. */
  readonly y: number;
  /** Index in the classes of the task's definition. */
  readonly class: number;
}

/**
 * Checks that points have finite coordinates and one of the classes.
 *
 * @param classes - Number of classes.
 * @param source - How errors name the points.
 * @returns The same points.
 * @throws ReigniteError NPY_INVALID naming the first invalid point.
 */
export function expectClasses(points: readonly CellPoint[], classes: number, source: string): readonly CellPoint[] {
  for (const [index, { x, y, class: of }] of points.entries()) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      throw new ReigniteError(
        'NPY_INVALID',
        `Point ${index} of ${source} is at (${x}, ${y}): both coordinates must be finite numbers.`,
        { remedy: 'Remove the point, or correct its coordinates, in px.' },
      );
    }
    if (!Number.isInteger(of) || of < 0 || of >= classes) {
      const last = classes - 1;
      const expected = last === 0 ? '0' : `a whole number from 0 to ${last}`;
      const cause = `Point ${index} of ${source} has the class ${of}; expected ${expected}.`;
      throw new ReigniteError('NPY_INVALID', cause, {
        remedy: `Number the classes from 0${last === 0 ? '' : ` to ${last}`} in the third column, and leave out points of other classes.`,
      });
    }
  }
  return points;
}

/**
 * Reads the cells found in an image, `inference/pdl1/<task>/<stem>.npy`: n × 3, x and y in px and the class.
 *
 * The authors write float32; other numeric dtypes are accepted.
 *
 * @param classes - Number of classes. Default: that of the task.
 * @throws ReigniteError NPY_INVALID when the array has another shape, a coordinate is not finite, or a class is not one
 *   of the task's; FILE_MISSING.
 */
export async function readPoints(
  path: string,
  task: CellTask,
  classes = cellDefinition(task).classes.length,
): Promise<readonly CellPoint[]> {
  const { shape, data } = await readNpy(path);
  const [rows = 0, columns] = shape;
  if (shape.length !== 2 || columns !== 3) {
    throw new ReigniteError('NPY_INVALID', `${path} has the shape (${shape.join(', ')}); points are n x 3.`, {
      remedy: 'Save an array with one row per cell and three columns: x and y in px, and the number of the class.',
    });
  }
  const value = (k: number) => Number(data[k] ?? Number.NaN);
  const points = Array.from({ length: rows }, (_, row) => ({
    x: value(3 * row),
    y: value(3 * row + 1),
    class: value(3 * row + 2),
  }));
  return expectClasses(points, classes, path);
}

/**
 * Reads the cells found in every image of a task. An image without a file is missing in the result: the authors write
 * no file if nothing was found.
 *
 * @param folder - Folder with `<stem>.npy` of the images.
 * @throws ReigniteError NPY_INVALID as {@link readPoints}, or the abort reason of `signal`.
 */
export async function readFoundPoints(
  folder: string,
  { task, images }: { readonly task: CellTask; readonly images: readonly { readonly stem: string }[] },
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly CellPoint[]>> {
  const found = new Map<string, readonly CellPoint[]>();
  for (const { stem } of images) {
    signal?.throwIfAborted();
    const points = await unlessMissing(readPoints(join(folder, `${stem}.npy`), task));
    if (points !== undefined) found.set(stem, points);
  }
  return found;
}
