import { join } from 'node:path';
import type { CacheEntry, KeyParts } from '../../cache/step-cache.ts';
import type { RanEngine } from '../../onnx/session/refuse-other-engine.ts';
import { type StripRows, stripCount, stripsOf } from '../../slide/read/slide-tiles.ts';
import { factsOf, inferenceKey, type PredictServices, readFacts } from '../infer-once.ts';

/** What the strips of a slide were computed with. */
export interface StripsOf {
  readonly strips: readonly StripRows[];
  /** What the whole slide's result depends on, besides the engine. */
  readonly parts: KeyParts;
  readonly engine: RanEngine;
}

/** What the result of a strip depends on. @param parts - Of the whole slide. */
export function stripKey(parts: KeyParts, { first, end }: StripRows): KeyParts {
  return { ...parts, rows: `${first} to ${end}` };
}

/**
 * Splits a slide into strips that several workers can compute: none where its result is in the cache, or where one strip
 * is enough.
 *
 * @param rowsOf - Numbers of the tiles of each row of tiles; asked only where the slide has to be computed.
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
 * Puts the strips of a slide together.
 *
 * @param work - Folder in which files are made.
 * @param joins - By the name of a file: writes one from those of the strips, in order.
 * @returns Undefined where one of the strips is not in the cache, or there are none.
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
