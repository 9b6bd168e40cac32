import { Receipts } from '../toolkit/cache/receipts.ts';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import { createDownloadFile } from './download-file.ts';
import { createFetchRecord } from './fetch-record.ts';
import type { RecordServers } from './record-servers.ts';

/** What talks to the archive. */
export function createDownloadActivities(home: HomeFolders, servers: RecordServers) {
  const receipts = new Receipts(home.receipts);
  return {
    fetchRecord: createFetchRecord(servers, receipts),
    downloadFile: createDownloadFile(servers, receipts),
  };
}
export type DownloadActivities = ReturnType<typeof createDownloadActivities>;
