import { join } from 'node:path';
import { make } from '../../toolkit/cache/make.ts';
import type { KeyParts, StepCache } from '../../toolkit/cache/step-cache.ts';
import type { TaskWork } from '../../toolkit/tasks/work.ts';

/** Name of the file within a cache entry. */
const FIGURE = 'figure.png';

/** Puts a figure where results are. An ROI may have none; false means that it was not drawn yet. */
export async function restoreFigure(cache: StepCache, key: string, target: string): Promise<boolean> {
  if (cache.isInPlace(key, FIGURE, target)) return true;
  const entry = await cache.find(key);
  if (entry === undefined) return false;
  if (entry.files[FIGURE] !== undefined) await cache.restore(key, FIGURE, target);
  return true;
}

/**
 * Puts an ROI's figure in its place: the cached one, or one that `draw` makes.
 *
 * @param draw - Writes the figure to the path it is given, unless there is nothing to draw: then it gives false.
 * @returns Whether there is a figure.
 */
export async function placeFigure(
  work: Pick<TaskWork, 'home' | 'cache'>,
  parts: KeyParts,
  target: string,
  draw: (out: string) => Promise<boolean>,
): Promise<boolean> {
  const { entry } = await make(work, parts, async (folder) => {
    const out = join(folder, FIGURE);
    const drawn = await draw(out);
    return { files: drawn ? { [FIGURE]: out } : {}, facts: { drawn } };
  });
  if (entry.files[FIGURE] === undefined) return false;
  await work.cache.restore(entry.key, FIGURE, target);
  return true;
}
