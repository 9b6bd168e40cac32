import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { TASK_TITLES, TASKS } from '../../config/tasks.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import type { ReportData } from './report-data.ts';

export const CRATE_FILE = 'ro-crate-metadata.json';

const TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.html': 'text/html',
  '.npy': 'application/octet-stream',
  '.webp': 'image/webp',
};

/** Files of a kind by the thousand: the crate names their folder, the manifest every one. */
const FOLDERS = ['inference', 'figures', 'margins', 'candidates'] as const;

/**
 * Writes ro-crate-metadata.json: the results folder as an RO-Crate 1.1 of the Process Run profile, in which one action
 * (this run) made the results from the record with this software. No user and no host is named.
 *
 * @param version - Of this package.
 */
export async function writeCrate(
  results: string,
  { summary, tasks, environments }: ReportData,
  version: string,
): Promise<void> {
  const ended = summary.ended ?? new Date().toISOString();
  const record = { '@id': `https://zenodo.org/records/${summary.record}` };
  const files = await describedFiles(results);
  const folders = await describedFolders(results);
  const parts = [...files, ...folders].map(({ '@id': id }) => ({ '@id': id }));
  const verdicts = tasks.map(({ task, verdict }) => `${TASK_TITLES[task]}: ${verdict}`).join('; ');
  const named = TASKS.filter((task) => summary.tasks[task] !== undefined).map((task) => TASK_TITLES[task]);
  const graph = [
    {
      '@id': CRATE_FILE,
      '@type': 'CreativeWork',
      about: { '@id': './' },
      conformsTo: { '@id': 'https://w3id.org/ro/crate/1.1' },
    },
    {
      '@id': './',
      '@type': 'Dataset',
      name: `Reproduction of Zenodo record ${summary.record}`,
      description: `The technical validation of the IGNITE data toolkit run again (${named.join(', ')}). ${verdicts}.`,
      datePublished: ended,
      license: { '@id': 'https://creativecommons.org/licenses/by-nc-sa/4.0/' },
      conformsTo: { '@id': 'https://w3id.org/ro/wfrun/process/0.5' },
      hasPart: parts,
      mentions: { '@id': '#run' },
    },
    {
      '@id': '#run',
      '@type': 'CreateAction',
      name: summary.run,
      endTime: ended,
      actionStatus: { '@id': 'http://schema.org/CompletedActionStatus' },
      agent: { '@id': '#reignite-agent' },
      instrument: { '@id': '#reignite' },
      object: [record],
      result: parts,
      description: `Configuration ${summary.digest}, profile ${summary.profile}, ${environments.map(({ platform, processor }) => `on ${platform}, ${processor}`).join('; ')}.`,
    },
    {
      '@id': '#reignite',
      '@type': 'SoftwareApplication',
      name: 'reignite',
      softwareVersion: version,
      description: 'Runs the technical validation of the IGNITE data toolkit again and judges the result.',
      url: 'https://doi.org/10.5281/zenodo.15674785',
      softwareRequirements: 'Node.js',
    },
    { '@id': '#reignite-agent', '@type': 'Organization', name: 'Whoever ran reignite' },
    { '@id': record['@id'], '@type': 'Dataset', name: `IGNITE data toolkit, Zenodo record ${summary.record}` },
    {
      '@id': 'https://w3id.org/ro/wfrun/process/0.5',
      '@type': 'CreativeWork',
      name: 'Process Run Crate',
      version: '0.5',
    },
    {
      '@id': 'https://creativecommons.org/licenses/by-nc-sa/4.0/',
      '@type': 'CreativeWork',
      name: 'CC BY-NC-SA 4.0',
      description: 'The licence of the data that the results derive from.',
    },
    ...files,
    ...folders,
  ];
  const crate = { '@context': 'https://w3id.org/ro/crate/1.1/context', '@graph': graph };
  await writeFileAtomic(join(results, CRATE_FILE), `${JSON.stringify(crate, null, 1)}\n`);
}

interface Described {
  readonly '@id': string;
  readonly '@type': 'File' | 'Dataset';
  readonly name: string;
  readonly contentSize?: string;
  readonly encodingFormat?: string;
}

async function describedFiles(results: string): Promise<Described[]> {
  const paths = [
    'summary.json',
    'report/index.html',
    ...(await filesIn(results, 'metrics')),
    ...(await filesIn(results, 'verdict')),
  ];
  const described = await Promise.all(
    paths.map(async (path): Promise<Described[]> => {
      const found = await stat(join(results, path)).catch(() => undefined);
      if (found === undefined) return [];
      const encodingFormat = TYPES[extname(path)] ?? 'application/octet-stream';
      return [{ '@id': path, '@type': 'File', name: path, contentSize: String(found.size), encodingFormat }];
    }),
  );
  return described.flat();
}

async function filesIn(results: string, folder: string): Promise<string[]> {
  const names = await readdir(join(results, folder)).catch(() => []);
  return names.sort().map((name) => `${folder}/${name}`);
}

async function describedFolders(results: string): Promise<Described[]> {
  const described = await Promise.all(
    FOLDERS.map(async (folder): Promise<Described[]> => {
      const found = await stat(join(results, folder)).catch(() => undefined);
      return found === undefined ? [] : [{ '@id': `${folder}/`, '@type': 'Dataset', name: folder }];
    }),
  );
  return described.flat();
}
