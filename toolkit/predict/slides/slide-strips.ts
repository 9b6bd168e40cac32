import { join } from 'node:path';
import type { CacheEntry, KeyParts } from '../../cache/step-cache.ts';
import type { RanEngine } from '../../onnx/session/engine-choice.ts';
import type { StripRows } from '../../slide/predict/tiled-slide.ts';
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

/** The fewest tile rows of a strip. Each strip also computes one tile row above it, so that its sums are complete. */
const MIN_ROWS = 12;
const MAX_STRIPS = 32;

/** Chooses the number of strips. Each strip computes one tile row twice, so small strips cost more than they save. */
function stripCount(tiles: readonly (readonly number[])[]): number {
  const rows = tiles.filter((columns) => columns.length > 0).length;
  return Math.min(MAX_STRIPS, Math.max(1, Math.floor(rows / MIN_ROWS)));
}

/** Splits tile rows into strips of about equally many tiles. Tile rows without tiles are added to a neighbouring strip. */
export function stripsOf(tiles: readonly (readonly number[])[], strips: number): readonly StripRows[] {
  const total = tiles.reduce((sum, row) => sum + row.length, 0);
  const found: StripRows[] = [];
  let [first, done] = [0, 0];
  for (const [row, columns] of tiles.entries()) {
    done += columns.length;
    const isLast = row === tiles.length - 1;
    if (isLast || done >= ((found.length + 1) * total) / strips) {
      if (!isLast && found.length + 1 >= strips) continue;
      found.push({ first, end: row + 1 });
      first = row + 1;
    }
  }
  return found;
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
