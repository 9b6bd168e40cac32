import { constants, copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../files/make-folder.ts';
import { committedFiles, stepReached } from '../nnunet/sliding-window/partial-roi.ts';
import { finishedTiles } from '../yolo/detect/partial-detection.ts';

/** Folder of a partial result within a work folder. */
export const PARTIAL = 'partial';
/** File of a work folder that counts attempts which died. */
export const ATTEMPTS = 'attempts.json';

/** A commit that is made during the copying makes the copy useless; it is repeated this many times. */
const TRIES = 3;

/** How far a partial result is: tile row, fold, tiles. */
export type Reached = readonly [row: number, fold: number, tiles: number];

/** How far the partial result in a work folder is. */
export async function reachedIn(work: string): Promise<Reached> {
  const folder = join(work, PARTIAL);
  const { row, fold } = stepReached(folder);
  return [row, fold, (await finishedTiles(folder)).length];
}

/** Positive where `one` is further than `other`. */
export function compareReached(one: Reached, other: Reached): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

/**
 * Copies a partial result as its last commit left it, while another thread works on it.
 *
 * @returns How far it is, and the names of the copied files; undefined when every try was overtaken by a commit.
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
      // A file went with a commit.
    }
  }
  return undefined;
}

async function isSame(one: string, other: string): Promise<boolean> {
  return (await readFile(one)).equals(await readFile(other));
}
