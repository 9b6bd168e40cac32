import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { statIfThere } from '../../files/if-there.ts';
import { entryOf, RESULTS, RESULTS_FOLDERS } from '../../results/results-folder.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.zip': 'application/zip',
  '.npy': 'application/octet-stream',
};

/** Folders with few files, which are described individually. */
const LISTED = ['metrics', 'verdict', 'models', 'environment'] as const;

/** Single files to describe. The workflow is described as a separate entity, and the crate does not describe itself. */
const SINGLE = [
  RESULTS.readme,
  RESULTS.summary,
  RESULTS.acquisition,
  RESULTS.trace,
  RESULTS.configuration,
  RESULTS.certificate,
  RESULTS.reportZip,
  RESULTS.page,
] as const;

/** A file or folder of a results folder, as described in a crate. */
export interface Described {
  readonly '@id': string;
  readonly '@type': 'File' | 'Dataset';
  readonly name: string;
  readonly contentSize?: string;
  readonly encodingFormat?: string;
}

/** Lists the files and folders that a crate describes, in a stable order. */
export async function describedFiles(results: string): Promise<readonly Described[]> {
  const listed = await Promise.all(LISTED.map((folder) => filesIn(results, folder)));
  const files = [...SINGLE.map(({ path }) => path), ...listed.flat()];
  const described = await Promise.all(
    [...files, ...Object.keys(RESULTS_FOLDERS)].map((path) => describe(results, path)),
  );
  return described.flat();
}

async function describe(results: string, path: string): Promise<Described[]> {
  const found = await statIfThere(join(results, path));
  if (found === undefined) return [];
  if (found.isDirectory()) return [{ '@id': path, '@type': 'Dataset', name: RESULTS_FOLDERS[path] ?? path }];
  const encodingFormat = TYPES[extname(path)] ?? 'application/octet-stream';
  const contentSize = String(found.size);
  return [{ '@id': path, '@type': 'File', name: entryOf(path)?.about ?? path, contentSize, encodingFormat }];
}

async function filesIn(results: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(results, folder), { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => `${folder}/${name}`)
    .sort();
}
