import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { HomeFolders } from '../files/home-folders.ts';
import { makeFolder } from '../files/make-folder.ts';
import type { RunStorage } from '../storage/run-storage.ts';
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
