import { Receipts } from '../toolkit/cache/receipts.js';
import { Patience } from '../toolkit/zenodo/patience.js';
import { createDownloadFile } from './download-file.js';
import { createFetchRecord } from './fetch-record.js';
/** What talks to the archive. */
export function createDownloadActivities(home, servers) {
    const services = { servers, receipts: new Receipts(home.receipts), patience: new Patience(home.transfers) };
    return {
        fetchRecord: createFetchRecord(services),
        downloadFile: createDownloadFile(services),
    };
}
