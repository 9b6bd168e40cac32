import { createHash } from 'node:crypto';
/**
 * Digest of everything that changes an output, of the tasks and of the folders.
 *
 * Where the record is fetched from, concurrency, time limits and queue names are left out: they change how a run goes,
 * not what it makes. The bytes of the record itself are part of every step's cache key.
 *
 * @param folders - Absolute data and results folders.
 * @returns 16 hex digits.
 */
export function configDigest(config, folders) {
    const parts = {
        schema: 1,
        name: config.name,
        record: config.record,
        tasks: [...config.tasks].sort(),
        he: config.he,
        nuclei: config.nuclei,
        pdl1: config.pdl1,
        inference: { provider: config.inference.provider, engine: config.inference.engine },
        verdict: config.verdict,
        ledger: config.ledger,
        data: folders.data,
        results: folders.results,
    };
    return createHash('sha256').update(canonicalJson(parts)).digest('hex').slice(0, 16);
}
/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value) {
    return JSON.stringify(value, (_key, item) => item !== null && typeof item === 'object' && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
        : item);
}
