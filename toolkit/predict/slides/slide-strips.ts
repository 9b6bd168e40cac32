import { join } from 'node:path';
import type { CacheEntry, KeyParts } from '../../cache/step-cache.ts';
import type { RanEngine } from '../../onnx/session/engine-choice.ts';
import { type StripRows, stripCount, stripsOf } from '../../slide/read/slide-tiles.ts';
import { factsOf, inferenceKey, type PredictServices, readFacts } from '../infer-once.ts';

/** The strips of a slide, with the inputs that are part of their cache keys. */
export interface StripsOf {
  readonly strips: readonly StripRows[];
  /** What the result of the whole slide depends on, except the engine. */
  readonly parts: KeyParts;
  readonly engine: RanEngine;
}

/** Returns what the result of a strip depends on. @param parts - The same for the whole slide. */
export function stripKey(parts: KeyParts, { first, end }: StripRows): KeyParts {
  return { ...parts, rows: `${first} to ${end}` };
}

/**
 * Splits a slide into strips that several workers can compute. Returns none if its result is in the cache or if one strip
 * is enough.
 *
 * @param rowsOf - Returns the indices of the tiles in each tile row. Called only if the result is not in the cache.
 */
export async function splitUnlessCached(
  { parts, engine }: Omit<StripsOf, 'strips'>,
  { cache }: PredictServices,
  rowsOf: () => Promise<readonly (readonly number[])[]>,
): Promise<readonly StripRows[]> {
  if ((await cache.find(cache.keyOf(inferenceKey({ parts, engine })))) !== undefined) return [];
  const rows = await rowsOf();
  const count = stripCount(rows);
  return count === 1 ? [] : stripsOf(rows, count);
}

/**
 * Joins the results of the strips of a slide.
 *
 * @param work - Folder for the joined files.
 * @param joins - Per file name: writes the joined file from the files of the strips, in order.
 * @returns Undefined if there are no strips or one of them is not in the cache.
 */
export async function joinStrips(
  { strips, parts, engine }: StripsOf,
  { cache }: PredictServices,
  work: string,
  joins: Readonly<Record<string, (path: string, parts: readonly string[]) => Promise<void>>>,
) {
  const entries: CacheEntry[] = [];
  for (const rows of strips) {
    const entry = await cache.find(cache.keyOf(inferenceKey({ parts: stripKey(parts, rows), engine })));
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  if (entries.length === 0) return undefined;
  const files: Record<string, string> = {};
  for (const [name, write] of Object.entries(joins)) {
    files[name] = join(work, name);
    await write(
      join(work, name),
      entries.map(({ key }) => cache.pathOf(key, name)),
    );
  }
  const all = entries.map(readFacts);
  const seconds = all.reduce((sum, facts) => sum + facts.seconds, 0);
  const notes = [...new Set(all.flatMap((facts) => facts.notes))];
  return { files, facts: factsOf({ ...engine, seconds, notes }), ran: engine };
}
