import { join } from 'node:path';
import { z } from 'zod';
import { makeInference } from '../cache/make.ts';
import type { CacheEntry, KeyParts } from '../cache/step-cache.ts';
import { concatenateFiles } from '../files/atomic-write.ts';
import { asSentence } from '../format.ts';
import { AdapterNames, adapterNames, type RanEngine, SumsChoice, sumsChoice } from '../onnx/session/engine-choice.ts';
import type { StripRows } from '../slide/infer/tiled-slide.ts';
import type { InputImage, NetworkImage } from './input-image.ts';
import type { ImagePrediction, PredictOptions, PredictServices } from './prediction.ts';
import type { SeenSlide } from './slides/seen-slide.ts';

/** Facts about an inference that are stored in its cache entry. */
export const InferenceFacts = z.object({
  provider: z.string(),
  ...AdapterNames.shape,
  ...SumsChoice.shape,
  seconds: z.number(),
  notes: z.array(z.string()),
});
export type InferenceFacts = z.infer<typeof InferenceFacts>;

/** Extracts the facts that are stored in the cache. */
export function factsOf({
  provider,
  seconds,
  notes,
  ...names
}: AdapterNames &
  SumsChoice & {
    readonly provider: string;
    readonly seconds: number;
    readonly notes: readonly string[];
  }): InferenceFacts {
  return { provider, ...adapterNames(names), ...sumsChoice(names), seconds, notes: [...notes] };
}

function readFacts({ facts }: CacheEntry): InferenceFacts {
  return InferenceFacts.parse(facts);
}

const SAME_AGAIN = 'Run the same command again, or set the provider with `--provider`.';

/** Returns everything that a result depends on: its inputs, and what the network runs on. */
function inferenceKey(of: { readonly parts: KeyParts; readonly engine: RanEngine }): KeyParts {
  const { provider, ortVersion, instructionSet, precision = 'float32', batchSize } = of.engine;
  const on = { provider, ...adapterNames(of.engine), ortVersion, instructionSet };
  return { ...of.parts, ...on, precision, ...(batchSize !== undefined && { batchSize }) };
}

/** What a network made in a folder: the files by name, facts about it, and what it ran on. */
interface InferredFiles {
  readonly files: Readonly<Record<string, string>>;
  readonly facts: InferenceFacts;
  readonly ran: RanEngine;
}

/** Result of a network for an image, computed now or taken from the cache. */
export interface Inferred {
  readonly entry: CacheEntry;
  readonly facts: InferenceFacts;
  readonly isCached: boolean;
}

/**
 * Returns the result of a network from the cache, or computes and stores it.
 *
 * @param of.parts - What the result depends on, except the engine.
 * @param of.engine - What the network runs on; part of the key.
 * @param infer - Computes the result in the folder that it is given, resuming an interrupted attempt. Returns its files.
 * @throws ReigniteError PROVIDER_UNAVAILABLE if the network ran on another engine. The result is not stored then.
 */
export async function inferOnce(
  of: { readonly parts: KeyParts; readonly engine: RanEngine },
  services: PredictServices,
  { crashes }: Pick<PredictOptions<never>, 'crashes'>,
  infer: (work: string) => Promise<InferredFiles>,
): Promise<Inferred> {
  const parts = inferenceKey(of);
  const guard = { engine: of.engine, remedy: SAME_AGAIN, ...(crashes && { crashes }) };
  const { entry, isCached } = await makeInference(services, parts, guard, async (work) => {
    const { files, facts, ran } = await infer(work);
    return { files, facts: { ...facts, notes: [...facts.notes] }, ran };
  });
  return { entry, facts: readFacts(entry), isCached };
}

type InferenceFields = Pick<
  ImagePrediction,
  'cached' | 'key' | 'provider' | 'adapter' | 'driver' | 'engine' | 'precision' | 'batchSize' | 'seconds'
>;

/** Builds the fields that say how a result was computed. */
function describeInference({
  entry,
  facts,
  isCached,
}: Omit<Inferred, 'entry'> & { readonly entry: Pick<CacheEntry, 'key'> }): InferenceFields {
  return {
    cached: isCached,
    key: entry.key,
    provider: facts.provider,
    ...adapterNames(facts),
    ...sumsChoice(facts),
    seconds: isCached ? 0 : facts.seconds,
  };
}

/**
 * Builds the fields that predictions of all tasks have in common.
 *
 * @param cautions - Why the numbers may mislead, one sentence each; listed first.
 * @param notes - Other notes on this image.
 */
export function describeInferred(
  { image, name }: { readonly image: string; readonly name: string },
  input: InputImage,
  seen: NetworkImage,
  inferred: Inferred,
  { cautions, notes }: { readonly cautions: readonly string[]; readonly notes: readonly string[] },
): Pick<ImagePrediction, 'image' | 'name' | 'sha256' | 'width' | 'height' | 'notes'> &
  InferenceFields &
  NetworkImage['said'] {
  return {
    image,
    name,
    sha256: seen.sha256,
    width: input.width,
    height: input.height,
    ...seen.said,
    ...describeInference(inferred),
    notes: [
      ...new Set([...cautions, ...notes, ...input.notes, ...inferred.facts.notes.map(asSentence), ...seen.notes]),
    ],
  };
}

/** Builds the fields that slide predictions of all tasks have in common. Sizes are in px of the largest level. */
export function describeSlide(
  { image, name }: { readonly image: string; readonly name: string },
  {
    slide,
    view,
    sha256,
    mpp,
  }: Pick<SeenSlide, 'mpp' | 'sha256'> & {
    readonly slide: Pick<SeenSlide['slide'], 'width' | 'height'>;
    readonly view: Pick<SeenSlide['view'], 'width' | 'height'>;
  },
  inferred: Parameters<typeof describeInference>[0],
): Pick<ImagePrediction, 'image' | 'name' | 'sha256' | 'width' | 'height' | 'mpp' | 'resampledTo'> & InferenceFields {
  const isResampled = view.width !== slide.width || view.height !== slide.height;
  return {
    image,
    name,
    sha256,
    width: slide.width,
    height: slide.height,
    ...(mpp !== undefined && { mpp }),
    ...(isResampled && { resampledTo: { width: view.width, height: view.height } }),
    ...describeInference(inferred),
  };
}

/** The strips of a slide, with the inputs that are part of their cache keys. */
interface StripsOf {
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
 * Returns the result of a network for a slide from the cache, or stores what it joins from strips or computes as a whole.
 *
 * @param files - Names of the files of a result. Those of strips are concatenated.
 * @param infer - As for `inferOnce`. Called only if there are no strips or one of them is not in the cache.
 * @throws ReigniteError As `inferOnce`.
 */
export function inferSlideOnce(
  of: StripsOf,
  files: readonly string[],
  services: PredictServices,
  options: Parameters<typeof inferOnce>[2],
  infer: (work: string) => Promise<InferredFiles>,
): Promise<Inferred> {
  return inferOnce(of, services, options, async (work) => {
    return (await joinStrips(of, files, services, work)) ?? infer(work);
  });
}

/**
 * Joins the results of the strips of a slide.
 *
 * @param work - Folder for the joined files.
 * @returns Undefined if there are no strips or one of them is not in the cache.
 */
async function joinStrips(
  { strips, parts, engine }: StripsOf,
  names: readonly string[],
  { cache }: PredictServices,
  work: string,
): Promise<InferredFiles | undefined> {
  const entries: CacheEntry[] = [];
  for (const rows of strips) {
    const entry = await cache.find(cache.keyOf(inferenceKey({ parts: stripKey(parts, rows), engine })));
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  if (entries.length === 0) return undefined;
  const files: Record<string, string> = {};
  for (const name of names) {
    const path = join(work, name);
    await concatenateFiles(
      path,
      entries.map(({ key }) => cache.pathOf(key, name)),
    );
    files[name] = path;
  }
  const all = entries.map(readFacts);
  const seconds = all.reduce((sum, facts) => sum + facts.seconds, 0);
  const notes = [...new Set(all.flatMap((facts) => facts.notes))];
  return { files, facts: factsOf({ ...engine, seconds, notes }), ran: engine };
}
