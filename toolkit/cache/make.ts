import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { type HomeFolders, makeFolder } from '../files/folders.ts';
import { readJsonIfValid } from '../files/text-file.ts';
import { stepReached } from '../nnunet/sliding-window/partial-roi.ts';
import { type KeyedEngine, type RanEngine, refuseOtherEngine } from '../onnx/session/engine-choice.ts';
import type { RunStorage } from '../storage/run-storage.ts';
import { tilesReached } from '../yolo/detect/detection-files.ts';
import type { CacheEntry, KeyParts, StepCache } from './step-cache.ts';

export interface MakeServices {
  readonly home: Pick<HomeFolders, 'work'>;
  readonly cache: StepCache;
  /** Where machines without a common folder share results; undefined where they share folders. */
  readonly storage?: Pick<RunStorage, 'partials'> | undefined;
}

/** The product of some work: files by their name in the cache entry, and small JSON that belongs to them. */
export interface Product {
  readonly files: Readonly<Record<string, string>>;
  readonly facts: unknown;
}

export interface Made {
  readonly entry: CacheEntry;
  /** Whether it came from the cache. */
  readonly isCached: boolean;
}

/** Options of {@link make}. */
export interface MakeOptions {
  /** Whether a killed attempt is resumed from its folder, also on another machine. @default false */
  readonly resumable?: boolean;
}

/** Computes a result in the given folder. `save` uploads what is committed there, for other machines. */
export type Work = (folder: string, save: () => Promise<void>) => Promise<Product>;

/**
 * Returns the result of `parts` from the cache, or computes and stores it. Everything that is computed once goes
 * through this function.
 *
 * @param parts - Everything that the result depends on.
 * @param work - Its folder is kept until the result is in the cache, so that a killed attempt can be resumed.
 */
export async function make(
  { home, cache, storage }: MakeServices,
  parts: KeyParts,
  work: Work,
  { resumable = false }: MakeOptions = {},
): Promise<Made> {
  const key = cache.keyOf(parts);
  const known = await cache.find(key);
  if (known !== undefined) {
    await cache.share(known);
    return { entry: known, isCached: true };
  }
  const folder = join(home.work, key);
  await makeFolder(folder);
  const saved = resumable ? await storage?.partials.begin(key, folder) : undefined;
  const { files, facts } = await work(folder, async () => saved?.save()).catch(async (error: unknown) => {
    await saved?.leave();
    throw error;
  });
  await saved?.stop();
  const entry = await cache.store(parts, files, facts);
  await cache.share(entry);
  await saved?.remove();
  await rm(folder, { recursive: true, force: true });
  return { entry, isCached: false };
}

/**
 * The same for a result of small JSON without files. It cannot be damaged, so the process may keep it in memory.
 *
 * @param work - Returns undefined for a result that must not be stored.
 */
export async function makeFacts<Facts>(
  { cache }: Pick<MakeServices, 'cache'>,
  parts: KeyParts,
  work: () => Promise<Facts | undefined>,
): Promise<unknown> {
  const known = await cache.recallHere(cache.keyOf(parts));
  if (known !== undefined) return known.facts;
  const facts = await work();
  if (facts !== undefined) await cache.store(parts, {}, facts);
  return facts;
}

/** Consecutive attempts that may crash without finishing a step; the next attempt sets the ROI aside. */
const MAX_CRASHES = 3;

const Log = z.object({ marker: z.string(), attempts: z.number().int() });

/**
 * Starts an attempt at an ROI. Counts earlier attempts that ended without an error and without progress, such as a
 * process killed by the system or a crash in native code. Attempts that advanced or were cancelled do not count.
 *
 * @param work - The ROI's work folder; its `partial` records how far the last attempt got.
 * @throws ReigniteError ROI_SET_ASIDE when three consecutive attempts crashed at the same place.
 */
export async function beginAttempt(work: string, roi: string, signal: AbortSignal): Promise<void> {
  const path = pathIn(work);
  const marker = await reached(join(work, 'partial'));
  const last = await readLog(path);
  const attempts = last?.marker === marker ? last.attempts : 0;
  if (attempts >= MAX_CRASHES) {
    await rm(path, { force: true });
    throw new ReigniteError(
      'ROI_SET_ASIDE',
      `ROI ${roi}: ${attempts} attempts in a row failed in inference, or ended their worker process, at the same tile row.`,
    );
  }
  await writeFileAtomic(path, JSON.stringify({ marker, attempts: attempts + 1 }));
  signal.addEventListener('abort', () => rmSync(path, { force: true }), { once: true });
}

/**
 * Records how a failed attempt ended. A named error is not a crash and has its own retry limit; INFERENCE_FAILED has
 * none and may mean that the thread crashed, so it counts.
 */
async function endAttempt(work: string, error: unknown): Promise<void> {
  if (error instanceof ReigniteError && error.code === 'INFERENCE_FAILED') return;
  await rm(pathIn(work), { force: true });
}

/** Runs `attempt`. It counts from `beginAttempt` on; if it fails, until `endAttempt`. */
export async function countCrashes<Result>(
  { work, roi, signal }: { readonly work: string; readonly roi: string; readonly signal: AbortSignal },
  attempt: () => Promise<Result>,
): Promise<Result> {
  await beginAttempt(work, roi, signal);
  try {
    return await attempt();
  } catch (error) {
    await endAttempt(work, error);
    throw error;
  }
}

/** Returns how far a partial result is. The rest of it is ignored: an attempt signs it before doing any work. */
async function reached(partial: string): Promise<string> {
  const { row, fold } = stepReached(partial);
  return `${row} ${fold} ${await tilesReached(partial)}`;
}

function pathIn(work: string): string {
  return join(work, 'attempts.json');
}

async function readLog(path: string): Promise<z.infer<typeof Log> | undefined> {
  return readJsonIfValid(path, Log);
}

/** The result of an inference, and the engine it actually ran on. */
export interface InferredProduct extends Product {
  readonly ran: RanEngine;
}

/** How an inference is checked. */
export interface InferenceGuard {
  /** The engine that the cache key names. */
  readonly engine: KeyedEngine;
  /** The remedy to suggest if another engine ran. */
  readonly remedy?: string;
  /**
   * Counts attempts that crash without progress, and sets the image aside after three. If undefined, they are not
   * counted.
   */
  readonly crashes?: { readonly name: string; readonly signal: AbortSignal };
  /** Added to the facts of the result. */
  readonly facts?: object;
}

/**
 * Runs an inference once per key. Checks that it ran on the engine in the key, counts crashes, and resumes a killed
 * attempt from the folder it left.
 *
 * @throws ReigniteError PROVIDER_UNAVAILABLE when the network ran on another engine; nothing is stored then.
 *   ROI_SET_ASIDE when three consecutive attempts crashed at the same place.
 */
export function makeInference(
  services: MakeServices,
  parts: KeyParts,
  { engine, remedy, crashes, facts }: InferenceGuard,
  infer: (folder: string) => Promise<InferredProduct>,
): Promise<Made> {
  const work: Work = async (folder, save) => {
    const attempt = () => infer(folder);
    const counted = async () => {
      // If the attempt kills this process, the next machine must know that it was tried.
      await save();
      return attempt();
    };
    const inferred = await (crashes === undefined
      ? attempt()
      : countCrashes({ work: folder, roi: crashes.name, signal: crashes.signal }, counted));
    refuseOtherEngine(inferred.ran, engine, remedy);
    return facts === undefined ? inferred : { ...inferred, facts: { ...Object(inferred.facts), ...facts } };
  };
  return make(services, parts, work, { resumable: true });
}
