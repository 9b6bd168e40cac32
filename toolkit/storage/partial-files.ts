import { constants, copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../files/make-folder.ts';
import { committedFiles, stepReached } from '../nnunet/sliding-window/partial-roi.ts';
import { finishedTiles } from '../yolo/detect/partial-detection.ts';

/** Name of the folder of partial results in a work folder. */
export const PARTIAL = 'partial';
/** File of a work folder that counts crashed attempts. */
export const ATTEMPTS = 'attempts.json';

/** A commit during the copying makes the copy useless; copying is attempted this many times. */
const TRIES = 3;

/** Progress of a partial result: tile row, fold, tiles. */
export type Reached = readonly [row: number, fold: number, tiles: number];

/** Reads the progress of the partial result in a work folder. */
export async function reachedIn(work: string): Promise<Reached> {
  const folder = join(work, PARTIAL);
  const { row, fold } = stepReached(folder);
  return [row, fold, (await finishedTiles(folder)).length];
}

/** Compares two states of progress; positive if `one` is further. */
export function compareReached(one: Reached, other: Reached): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

/**
 * Copies a partial result as of its last commit, while another thread works on it.
 *
 * @returns Its progress and the names of the copied files; undefined if a commit interrupted every attempt.
 */
export async function copyPartial(
  work: string,
  target: string,
): Promise<{ readonly reached: Reached; readonly names: readonly string[] } | undefined> {
  const folder = join(work, PARTIAL);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    await rm(target, { recursive: true, force: true });
    await makeFolder(target);
    const reached = await reachedIn(work);
    const [state, ...committed] = committedFiles(folder);
    const names = [...(state === undefined ? [] : [state]), ...committed, ...(await finishedTiles(folder))];
    try {
      for (const name of names) await copyFile(join(folder, name), join(target, name), constants.COPYFILE_FICLONE);
      if (state === undefined || (await isSame(join(folder, state), join(target, state)))) return { reached, names };
    } catch {
      // A commit removed a file.
    }
  }
  return undefined;
}

async function isSame(one: string, other: string): Promise<boolean> {
  return (await readFile(one)).equals(await readFile(other));
}
