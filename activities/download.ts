import { Receipts } from '../toolkit/cache/receipts.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { createDownloadFile } from './download-file.ts';
import { createFetchRecord } from './fetch-record.ts';
import type { RecordServers } from './record-servers.ts';

/** What talks to the archive. */
export function createDownloadActivities(home: HomeFolders, servers: RecordServers) {
  return {
    fetchRecord: createFetchRecord(servers),
    downloadFile: createDownloadFile(servers, new Receipts(home.receipts)),
  };
}
export type DownloadActivities = ReturnType<typeof createDownloadActivities>;
