import { Context } from '@temporalio/activity';
import { archivesOf } from '../toolkit/dataset/layout.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { fetchRecord as fetchFromApi, type ZenodoRecord } from '../toolkit/zenodo/record.ts';
import { FetchRecordInput, type RecordFile } from './inputs.ts';
import type { RecordServers } from './record-servers.ts';

export interface ResolvedRecord {
  readonly id: string;
  readonly title: string;
  readonly files: readonly RecordFile[];
}

/** Asks the record's API for the files that the tasks need, with sizes, checksums and addresses. */
export function createFetchRecord(servers: RecordServers) {
  return async function fetchRecord(input: FetchRecordInput): Promise<ResolvedRecord> {
    const { record, tasks, zenodo } = FetchRecordInput.parse(input);
    const api = await servers.apiOf(zenodo, record);
    const found = await fetchFromApi({ api, record, signal: Context.current().cancellationSignal });
    return {
      id: found.id,
      title: found.title ?? '',
      files: neededFiles(found, tasks),
    };
  };
}

/** What was published beside the data: a record without it can still be run, only not be compared. */
const PUBLISHED_RESULTS = ['inference.zip', 'figures.zip', 'he_label_map.json'];

function neededFiles(record: ZenodoRecord, tasks: FetchRecordInput['tasks']): RecordFile[] {
  const { archives, files } = archivesOf(tasks);
  return [...archives.map(({ key }) => key), ...files].flatMap((name) => {
    const found = record.files.find(({ key }) => key === name);
    if (found !== undefined) return [{ key: found.key, size: found.size, md5: found.md5, url: found.url }];
    if (PUBLISHED_RESULTS.includes(name)) return [];
    throw new ReigniteError('FILE_NOT_IN_RECORD', `Record ${record.id} holds no file ${name}.`);
  });
}
