import { join } from 'node:path';
import type { CacheEntry, KeyParts } from '../../cache/step-cache.ts';
import type { RanEngine } from '../../onnx/session/refuse-other-engine.ts';
import type { StripRows } from '../../slide/read/slide-tiles.ts';
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
