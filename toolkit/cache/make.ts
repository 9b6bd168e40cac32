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

/** What some work leaves: files by their name in the entry, and small JSON that belongs to them. */
export interface Product {
  readonly files: Readonly<Record<string, string>>;
  readonly facts: unknown;
}

export interface Made {
  readonly entry: CacheEntry;
  /** Whether it was there already. */
  readonly isCached: boolean;
}

/** How something is made. */
export interface MakeOptions {
  /** Whether a killed attempt is resumed from what is in the folder, on another machine too. @default false */
  readonly resumable?: boolean;
}

/** Work on a result: makes it in the folder it is given; `save` keeps what is committed there for other machines. */
export type Work = (folder: string, save: () => Promise<void>) => Promise<Product>;

/**
 * Takes what was made from `parts` from the cache, or has it made and keeps it: the only way in which anything is
 * computed once.
 *
 * @param parts - All that the result depends on.
 * @param work - The folder that it is given stays until the result is in the cache, so that a killed attempt is resumed
 *   from what is in it.
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
 * The same for a result that is small JSON without files. It cannot be damaged, so that it is remembered by the process.
 *
 * @param work - Gives undefined for what is not to be kept.
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
