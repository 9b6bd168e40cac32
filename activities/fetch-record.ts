import { Context } from '@temporalio/activity';
import { archivesOf, isArchive, rootOfArchive } from '../toolkit/dataset/layout.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import type { RecordFile as Published, ZenodoRecord } from '../toolkit/zenodo/record.ts';
import { Selection } from '../toolkit/zenodo/selection.ts';
import type { DownloadServices } from './download.ts';
import { withHeartbeat } from './heartbeat.ts';
import { FetchRecordInput, type RecordFile } from './inputs.ts';
import { withPatience } from './with-patience.ts';

/** A record, pinned to one version, and those of its files that are wanted. */
export interface ResolvedRecord {
  readonly id: string;
  readonly concept?: string;
  readonly doi?: string;
  readonly title: string;
  readonly files: readonly RecordFile[];
}

/** Asks the record's API for the files that are wanted, with sizes, checksums and addresses. */
export function createFetchRecord({ servers, receipts, patience }: DownloadServices) {
  return async function fetchRecord(input: FetchRecordInput): Promise<ResolvedRecord> {
    const { record, zenodo, data, retrySeconds, ...wanted } = FetchRecordInput.parse(input);
    const signal = Context.current().cancellationSignal;
    const attempt = { zenodo, retrySeconds, subject: `${zenodo.api} ${record}`, bytes: async () => 0 };
    return withPatience(patience, attempt, () =>
      withHeartbeat({ record }, async () => {
        const { files, title = '', ...found } = await servers.record(zenodo, record, signal);
        await receipts.writeRecord(data, { ...found, title });
        return { ...found, title, files: wantedFiles({ ...found, files }, wanted) };
      }),
    );
  };
}

type Wanted = Pick<FetchRecordInput, 'tasks' | 'whole' | 'only'>;

/** What was published beside the data: a record without it can still be run, only not be compared. */
const PUBLISHED_RESULTS = ['inference.zip', 'figures.zip', 'he_label_map.json'];

function wantedFiles(record: ZenodoRecord, { tasks, whole, only }: Wanted): RecordFile[] {
  const files = whole ? record.files : neededFiles(record, tasks);
  if (only === undefined) return files.map((file) => ({ ...file, part: false }));
  const selection = new Selection(only);
  return files.flatMap((file): RecordFile[] => {
    if (selection.takes(file.key)) return [{ ...file, part: false }];
    const root = rootOfArchive(file.key);
    const mayHold = isArchive(file.key) && (root === undefined || selection.mayTakeBelow(root));
    return mayHold ? [{ ...file, part: true }] : [];
  });
}

function neededFiles(record: ZenodoRecord, tasks: FetchRecordInput['tasks']): Published[] {
  const { archives, files } = archivesOf(tasks);
  return [...archives.map(({ key }) => key), ...files].flatMap((name) => {
    const found = record.files.find(({ key }) => key === name);
    if (found !== undefined) return [found];
    if (PUBLISHED_RESULTS.includes(name)) return [];
    throw new ReigniteError('FILE_NOT_IN_RECORD', `Record ${record.id} holds no file ${name}.`);
  });
}
