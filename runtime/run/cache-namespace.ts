import { randomBytes } from 'node:crypto';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { NewestExecution } from './open-memo.ts';
import type { ResolvedRun } from './resolve-run.ts';

/**
 * The run with the part of the cache that it works in: a fresh one gets a part of its own, any other goes on in that of
 * the newest run of its configuration. So a fresh run that was cancelled or failed is not begun from nothing again.
 *
 * @throws ReigniteError RUN_OPEN when a fresh run is asked for while one that takes from the cache is open; an open fresh
 *   run is continued.
 */
export function withCacheNamespace(run: ResolvedRun, newest: NewestExecution | undefined, fresh: boolean): ResolvedRun {
  const isOpen = newest?.isOpen === true;
  if (fresh && isOpen && !isFresh(newest)) throw alreadyOpen(run.id);
  const known: unknown = newest?.memo['generation'];
  const generation = fresh && !isOpen ? newGeneration() : known;
  if (typeof generation !== 'string') return run;
  return { ...run, input: { ...run.input, folders: { ...run.input.folders, generation } } };
}

/** Whether it was started with `--fresh`: the same command then continues it. */
export function isFresh({ memo }: NewestExecution): boolean {
  return memo['fresh'] === true;
}

export function alreadyOpen(id: string): ReigniteError {
  return new ReigniteError('RUN_OPEN', `The run ${id} is open, and was started without \`--fresh\`.`);
}

/** Tells in a cache entry when the run began. */
function newGeneration(): string {
  return `${new Date().toISOString()} ${randomBytes(4).toString('hex')}`;
}
