import { createHash } from 'node:crypto';
import type { RunConfig } from './schema.ts';
import { perTask, TASKS } from './tasks.ts';

/** Whether a field changes results. A new field must be added here to compile. */
const CHANGES_RESULTS: Readonly<Record<keyof RunConfig, boolean>> = {
  name: true,
  record: true,
  tasks: true,
  ...perTask(TASKS, () => true),
  inference: true,
  verdict: true,
  discrepancies: true,
  // Sources of files and scheduling of activities. The record's bytes are part of every cache key.
  storage: false,
  zenodo: false,
  temporal: false,
  telemetry: false,
};

/** When a field of `inference` changes results. */
const INFERENCE_CHANGES_RESULTS: Readonly<
  Record<keyof RunConfig['inference'], 'always' | 'fast engine' | 'fast engine or set' | 'never'>
> = {
  provider: 'always',
  engine: 'always',
  precision: 'fast engine',
  // Also of detectors on a GPU. 0, the default, is left out of the exact engine's digests, which keeps those of earlier
  // versions valid; with another value, the digest of the exact engine differs from that of an earlier version.
  batchSize: 'fast engine or set',
  // Cache keys hold the name of the GPU that is used.
  deviceId: 'never',
  threads: 'never',
};

/**
 * Computes the digest of everything that changes an output, including tasks and folders.
 *
 * @param folders - Absolute data and results folders.
 * @returns 16 hex digits.
 */
export function configDigest(config: RunConfig, folders: { data: string; results: string }): string {
  const parts = {
    ...pick(config, (field) => CHANGES_RESULTS[field]),
    schema: 1,
    tasks: [...config.tasks].sort(),
    inference: pick(config.inference, (field) => {
      const changes = INFERENCE_CHANGES_RESULTS[field];
      if (changes === 'fast engine or set' && config.inference[field] !== 0) return true;
      return changes === 'always' || (changes !== 'never' && config.inference.engine === 'fast');
    }),
    data: folders.data,
    results: folders.results,
  };
  return createHash('sha256').update(canonicalJson(parts)).digest('hex').slice(0, 16);
}

/** Keeps the fields for which `isKept` is true. */
function pick<Fields extends object>(
  fields: Fields,
  isKept: (field: keyof Fields) => boolean,
): Partial<Record<keyof Fields, unknown>> {
  const kept: Partial<Record<keyof Fields, unknown>> = {};
  for (const field in fields) if (isKept(field)) kept[field] = fields[field];
  return kept;
}

/** Formats JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
