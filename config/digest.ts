import { createHash } from 'node:crypto';
import type { RunConfig } from './schema.ts';
import { perTask, TASKS } from './tasks.ts';

/**
 * Digest of everything that changes an output, of the tasks and of the folders.
 *
 * Where the record is fetched from, concurrency, time limits and queue names are left out: they change how a run goes,
 * not what it makes. The bytes of the record itself are part of every activity's cache key.
 *
 * @param folders - Absolute data and results folders.
 * @returns 16 hex digits.
 */
export function configDigest(config: RunConfig, folders: { data: string; results: string }): string {
  const parts = {
    schema: 1,
    name: config.name,
    record: config.record,
    tasks: [...config.tasks].sort(),
    ...perTask(TASKS, (task) => config[task]),
    inference: inferenceParts(config.inference),
    verdict: config.verdict,
    discrepancies: config.discrepancies,
    data: folders.data,
    results: folders.results,
  };
  return createHash('sha256').update(canonicalJson(parts)).digest('hex').slice(0, 16);
}

/** The exact engine has no choice of precision and batch. */
function inferenceParts({ provider, engine, precision, batchSize }: RunConfig['inference']) {
  return engine === 'exact' ? { provider, engine } : { provider, engine, precision, batchSize };
}

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
