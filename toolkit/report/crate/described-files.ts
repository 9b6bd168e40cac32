import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { entryOf, folderOf, RESULTS } from '../../results/results-folder.ts';
import { filesBelow } from '../manifest.ts';

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

/** The workflow is described as a separate entity, and the crate does not describe itself. */
const SEPARATE: ReadonlySet<string> = new Set([RESULTS.workflow.path, RESULTS.crate.path]);

/** A file or folder of a results folder, as described in a crate. */
export interface Described {
  readonly '@id': string;
  readonly '@type': 'File' | 'Dataset';
  readonly name: string;
  readonly contentSize?: string;
  readonly encodingFormat?: string;
}

/**
 * Lists the files that reignite wrote to a results folder, in a stable order. Of a folder with a file per ROI, only the
 * folder is listed, and the page of the report.
 */
export async function describedFiles(results: string): Promise<readonly Described[]> {
  const written = (await filesBelow(results)).filter((path) => entryOf(path) !== undefined);
  const files = written.filter((path) => folderOf(path) === undefined || path === RESULTS.page.path);
  const folders = new Map(written.flatMap((path) => folderOf(path) ?? []).map(({ path, about }) => [path, about]));
  return [
    ...(await Promise.all(files.filter((path) => !SEPARATE.has(path)).map((path) => describeFile(results, path)))),
    ...[...folders].map(([path, name]): Described => ({ '@id': path, '@type': 'Dataset', name })),
  ];
}

async function describeFile(results: string, path: string): Promise<Described> {
  const { size } = await stat(join(results, path));
  const encodingFormat = TYPES[extname(path)] ?? 'application/octet-stream';
  return {
    '@id': path,
    '@type': 'File',
    name: entryOf(path)?.about ?? path,
    contentSize: String(size),
    encodingFormat,
  };
}
