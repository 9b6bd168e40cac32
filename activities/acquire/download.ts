import { Receipts } from '../../toolkit/cache/receipts.ts';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { RetryBudget } from '../../toolkit/zenodo/http/retry-budget.ts';
import { createDownloadFile } from './download-file.ts';
import { createFetchRecord } from './fetch-record.ts';
import type { RecordServers } from './record-servers.ts';

/** Services that the download activities share. */
export interface DownloadServices {
  readonly servers: RecordServers;
  readonly receipts: Receipts;
  readonly retryBudget: RetryBudget;
}

/** The activities that send requests to the archive. */
export function createDownloadActivities(home: HomeFolders, servers: RecordServers) {
  const services = { servers, receipts: new Receipts(home.receipts), retryBudget: new RetryBudget(home.transfers) };
  return {
    fetchRecord: createFetchRecord(services),
    downloadFile: createDownloadFile(services),
  };
}
export type DownloadActivities = ReturnType<typeof createDownloadActivities>;
