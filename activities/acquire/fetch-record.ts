import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { Receipts } from '../../toolkit/cache/receipts.ts';
import {
  isArchive,
  isPlainFile,
  neededOfRecord,
  OVERVIEW_FILE,
  overviewFileIn,
  rootOfArchive,
} from '../../toolkit/dataset/layout.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import type { RecordFile as Published, ZenodoRecord } from '../../toolkit/zenodo/record/record.ts';
import { Selection } from '../../toolkit/zenodo/record/record-files.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { FetchRecordInput, type RecordFile } from '../inputs.ts';
import type { DownloadServices } from './download.ts';
import { withRetryBudget } from './transfer.ts';

/** A record, pinned to one version, and those of its files that are needed. */
export interface ResolvedRecord {
  readonly id: string;
  readonly concept?: string;
  readonly doi?: string;
  readonly title: string;
  readonly files: readonly RecordFile[];
}

/**
 * Requests the list of needed files from the record's API, with sizes, checksums and URLs. Sends no request if all of
 * them have already been downloaded and verified: a version never changes.
 */
export function createFetchRecord({ servers, receipts, retryBudget }: DownloadServices) {
  return async function fetchRecord(input: FetchRecordInput): Promise<ResolvedRecord> {
    const { record, zenodo, data, retrySeconds, ...wanted } = FetchRecordInput.parse(input);
    const signal = Context.current().cancellationSignal;
    const attempt = { zenodo, retrySeconds, subject: `${zenodo.api} ${record}`, bytes: async () => 0 };
    return withRetryBudget(retryBudget, attempt, () =>
      withHeartbeat({ record }, async () => {
        const known = await servers.known(zenodo, record);
        const isHere = known !== undefined && (await areHere(receipts, data, known, wanted));
        if (!isHere && zenodo.offline) return asItLies(record, data, wanted);
        const { files, title = '', ...found } = isHere ? known : await servers.record(zenodo, record, signal);
        await receipts.writeRecord(data, { ...found, title });
        return { ...found, title, files: wantedFiles({ ...found, files }, wanted) };
      }),
    );
  };
}

type Wanted = Pick<FetchRecordInput, 'tasks' | 'whole' | 'only' | 'ownModels'>;

async function areHere(receipts: Receipts, data: string, record: ZenodoRecord, wanted: Wanted): Promise<boolean> {
  if (wanted.only !== undefined) return false;
  for (const file of wantedFiles(record, wanted)) {
    if ((await receipts.whole(data, file)) === undefined) return false;
  }
  return true;
}

/** Checks that a data folder that is used without verification has what the tasks need. Downloads nothing. */
async function asItLies(record: string, data: string, { tasks, ownModels }: Wanted): Promise<ResolvedRecord> {
  const { folders, files } = neededOfRecord(tasks, ownModels);
  const needed = [...folders, ...files].filter((name) => !PUBLISHED_RESULTS.includes(name));
  for (const name of needed) {
    const place = name === OVERVIEW_FILE ? await overviewFileIn(data) : join(data, name);
    if (existsSync(place) || PUBLISHED_ROOTS.includes(name)) continue;
    throw new ReigniteError(
      'FILE_MISSING',
      `${data} has no ${name}, and zenodo.offline does not allow downloading it.`,
      { remedy: 'Copy it into the data folder, or set zenodo.offline to false.' },
    );
  }
  return { id: record, title: `taken from ${data} as it is`, files: [] };
}

/** Results that were published with the data. A record without them can be run, but not compared. */
const PUBLISHED_RESULTS = ['inference.zip', 'figures.zip', 'he_label_map.json'];
const PUBLISHED_ROOTS = ['inference', 'figures'];

function wantedFiles(record: ZenodoRecord, { tasks, whole, only, ownModels }: Wanted): RecordFile[] {
  const files = whole ? record.files : neededFiles(record, tasks, ownModels);
  if (only === undefined) return files.map((file) => ({ ...file, part: false }));
  const selection = new Selection(only);
  return files.flatMap((file): RecordFile[] => {
    if (selection.takes(file.key)) return [{ ...file, part: false }];
    const root = rootOfArchive(file);
    const mayHold = isArchive(file.key) && (root === undefined || selection.mayTakeBelow(root));
    return mayHold ? [{ ...file, part: true }] : [];
  });
}

/** Returns the files of a record that the tasks need, and the published results. */
export function neededFiles(
  record: ZenodoRecord,
  tasks: FetchRecordInput['tasks'],
  ownModels: FetchRecordInput['ownModels'],
): Published[] {
  const { folders, files } = neededOfRecord(tasks, ownModels);
  const archives = record.files.filter(({ key }) => isArchive(key));
  // Their members keep their paths, so they may contain any of the folders.
  const mixed = archives.filter((file) => rootOfArchive(file) === undefined);
  const ofFolder = (folder: string) => archives.filter((file) => rootOfArchive(file) === folder);
  const missing = folders.filter((folder) => ofFolder(folder).length === 0);
  const plain = files.map((name) => ({ name, found: plainFiles(record, name) }));
  const isLacking =
    missing.length > 0 || plain.some(({ name, found }) => found.length === 0 && !PUBLISHED_RESULTS.includes(name));
  const needed = [...folders.flatMap(ofFolder), ...(isLacking ? mixed : [])];
  const absent = [
    ...missing.map((folder) => `${folder}.zip`),
    ...plain.filter(({ found }) => found.length === 0).map(({ name }) => name),
  ].filter((name) => !PUBLISHED_RESULTS.includes(name));
  if (mixed.length === 0 && absent.length > 0) {
    throw new ReigniteError('FILE_NOT_IN_RECORD', `Record ${record.id} has no ${absent.join(', ')}.`);
  }
  return [...new Set([...needed, ...plain.flatMap(({ found }) => found)])];
}

/** Returns the file of that name, or else all files that may be the overview or the label map under another name. */
function plainFiles({ files }: ZenodoRecord, name: string): readonly Published[] {
  const named = files.filter(({ key }) => key === name);
  return named.length > 0 ? named : files.filter(({ key }) => isPlainFile(key) && endingOf(key) === endingOf(name));
}

function endingOf(name: string): string {
  return extname(name.toLowerCase().replace(/\.gz$/, ''));
}
