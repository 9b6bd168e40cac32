import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CellPoint } from '../dataset/cell-point.ts';
import type { ReaderAnnotations } from '../dataset/readers-annotations.ts';
import { ReigniteError } from '../errors.ts';
import { readPoints } from '../metrics/points-file.ts';
import { nameFaults } from './name-faults.ts';

const SUFFIX = '.npy';

export interface PointsToScore {
  /** By the stem of the image; an image without a file is missing: nothing was found there. */
  readonly found: ReadonlyMap<string, readonly CellPoint[]>;
  /** What is odd but can be scored, a sentence each. */
  readonly remarks: readonly string[];
}

/**
 * Reads the points of every image of a task before any is scored.
 *
 * @throws ReigniteError ROI_UNPAIRED when no file is of an image of the task; NPY_INVALID that names every file at
 *   fault, not only the first.
 */
export async function readPointsToScore(folder: string, { task, images }: ReaderAnnotations): Promise<PointsToScore> {
  const stems = new Set(images.map(({ stem }) => stem));
  const files = (await namesIn(folder)).filter((name) => name.endsWith(SUFFIX)).sort();
  const [known, others] = [files.filter(isKnown), files.filter((file) => !isKnown(file))];
  if (known.length === 0) {
    throw new ReigniteError('ROI_UNPAIRED', `${folder} holds no .npy file of any image of the task ${task}.`, {
      remedy: 'Give the folder that directly holds <image>.npy, an array of x, y and class a cell.',
    });
  }
  const found = new Map<string, readonly CellPoint[]>();
  const faults: string[] = [];
  for (const file of known) {
    try {
      found.set(file.slice(0, -SUFFIX.length), await readPoints(join(folder, file), task));
    } catch (error) {
      if (!(error instanceof ReigniteError)) throw error;
      faults.push(error.message.replace(/\.$/, ''));
    }
  }
  if (faults.length > 0) throw new ReigniteError('NPY_INVALID', nameFaults(faults, `${known.length} files of points`));
  return { found, remarks: others.map((file) => `${file} is of no image of the task ${task}: it is not scored.`) };

  function isKnown(file: string): boolean {
    return stems.has(file.slice(0, -SUFFIX.length));
  }
}

/** A folder that is not there holds nothing. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
