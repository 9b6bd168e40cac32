import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { fileExists } from '../files/file-access.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { RESULTS } from '../results/results-folder.ts';

const LINE = /^([0-9a-f]{64}) [ *](.+)$/;

export interface ManifestFinding {
  readonly path: string;
  readonly kind: 'missing' | 'changed' | 'extra';
}

/** Writes the manifest of all files in a results folder. @returns The number of files. */
export async function writeManifest(results: string, signal?: AbortSignal): Promise<number> {
  const lines: string[] = [];
  for (const path of await filesBelow(results)) {
    lines.push(`${await sha256OfFile(join(results, path), signal)}  ${path}\n`);
  }
  await writeFileAtomic(RESULTS.manifest.in(results), lines.join(''));
  return lines.length;
}

/**
 * Compares a results folder with its manifest.
 *
 * @returns Missing, changed and additional files, sorted by path; empty if nothing changed.
 * @throws ReigniteError FILE_MISSING without a manifest.
 */
export async function verifyManifest(
  results: string,
  signal?: AbortSignal,
): Promise<{ readonly files: number; readonly findings: readonly ManifestFinding[] }> {
  const listed = await readManifest(RESULTS.manifest.in(results));
  const present = new Set(await filesBelow(results));
  const findings: ManifestFinding[] = [];
  for (const [path, sha256] of listed) {
    if (!present.delete(path)) findings.push({ path, kind: 'missing' });
    else if ((await sha256OfFile(join(results, path), signal)) !== sha256) findings.push({ path, kind: 'changed' });
  }
  for (const path of present) findings.push({ path, kind: 'extra' });
  return { files: listed.size, findings: findings.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** A manifest before it is rewritten. */
export interface EarlierManifest {
  /** SHA-256 by path; empty without a manifest. */
  readonly listed: ReadonlyMap<string, string>;
  /** Paths of the files that were there. */
  readonly present: ReadonlySet<string>;
}

/** Reads the manifest of a results folder that is about to be rewritten, for {@link changedSinceManifest}. */
export async function earlierManifest(results: string): Promise<EarlierManifest> {
  const path = RESULTS.manifest.in(results);
  const listed = (await fileExists(path)) ? await readManifest(path) : new Map<string, string>();
  return { listed, present: new Set(await filesBelow(results)) };
}

/**
 * Finds what a rewritten manifest no longer shows: files that were missing or changed before, and still are. Compares the
 * two lists, so that no file is hashed again.
 *
 * @param isRewritten - Whether a file was written together with the new manifest, so that a change means nothing.
 */
export async function changedSinceManifest(
  results: string,
  { listed, present }: EarlierManifest,
  isRewritten: (path: string) => boolean,
): Promise<readonly ManifestFinding[]> {
  const now = await readManifest(RESULTS.manifest.in(results));
  return [...listed].flatMap(([path, sha256]): ManifestFinding[] => {
    const current = now.get(path);
    if (current === undefined) return present.has(path) ? [] : [{ path, kind: 'missing' }];
    return current === sha256 || isRewritten(path) ? [] : [{ path, kind: 'changed' }];
  });
}

async function readManifest(path: string): Promise<Map<string, string>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ReigniteError('FILE_MISSING', `Manifest not found: ${path}.`, {
      cause,
      remedy: 'Wait for the run to end, or rewrite it with `npx reignite report`.',
    });
  });
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, sha256, name] = LINE.exec(line) ?? [];
      return sha256 === undefined || name === undefined ? [] : [[name, sha256] as const];
    }),
  );
}

/** Lists the files of a folder, sorted, except the manifest and temporary files. Paths are relative, with `/`. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => path !== RESULTS.manifest.path)
    .sort();
}
