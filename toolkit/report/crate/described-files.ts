import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { CONFIGURATION_FILE } from '../configuration.ts';
import { ACQUISITION_FILE } from '../report-data.ts';
import { README } from '../write-readme.ts';
import { REPORT_ZIP } from '../zip-report.ts';
import { WORKFLOW_FILE } from './workflow-entities.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.yaml': 'application/yaml',
  '.zip': 'application/zip',
  '.npy': 'application/octet-stream',
};

/** Folders whose files are described one by one; a few each. */
const LISTED = ['metrics', 'verdict', 'models', 'environment'] as const;
/** Folders of files by the thousand: the crate names the folder, the manifest every file. */
const FOLDERS: Readonly<Record<string, string>> = {
  'inference/': 'Masks and points, laid out as in the record',
  'figures/': 'Figures, laid out as in the record',
  'confidence/': 'Confidence of each pixel: gap between its two largest class probabilities',
  'candidates/': 'Candidates of the detectors, with scores',
  'report/': 'The report and its files',
};

const NAMES: Readonly<Record<string, string>> = {
  [README]: 'Overview of the folder',
  'summary.json': 'How the run ended, and its verdicts',
  [ACQUISITION_FILE]: 'Files downloaded from the record, with checksums',
  'trace.jsonl': 'Queue and run times of each activity',
  [CONFIGURATION_FILE]: 'The effective configuration of the run',
  [REPORT_ZIP]: 'The report as one file',
  'report/index.html': 'The report: verdicts with their evidence',
};

/** A file or folder of a results folder, as a crate names it. */
export interface Described {
  readonly '@id': string;
  readonly '@type': 'File' | 'Dataset';
  readonly name: string;
  readonly contentSize?: string;
  readonly encodingFormat?: string;
}

/** What a crate describes of a results folder, in a stable order. */
export async function describedFiles(results: string): Promise<readonly Described[]> {
  const listed = await Promise.all(LISTED.map((folder) => filesIn(results, folder)));
  const files = [...Object.keys(NAMES), ...listed.flat()].filter((path) => path !== WORKFLOW_FILE);
  const described = await Promise.all([...files, ...Object.keys(FOLDERS)].map((path) => describe(results, path)));
  return described.flat();
}

async function describe(results: string, path: string): Promise<Described[]> {
  const found = await stat(join(results, path)).catch(() => undefined);
  if (found === undefined) return [];
  if (found.isDirectory()) return [{ '@id': path, '@type': 'Dataset', name: FOLDERS[path] ?? path }];
  const encodingFormat = TYPES[extname(path)] ?? 'application/octet-stream';
  const contentSize = String(found.size);
  return [{ '@id': path, '@type': 'File', name: NAMES[path] ?? path, contentSize, encodingFormat }];
}

async function filesIn(results: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(results, folder), { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => `${folder}/${name}`)
    .sort();
}
