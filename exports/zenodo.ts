/**
 * Fetches records and files from Zenodo. Downloads are verified and can be resumed.
 *
 * @example
 * import { downloadFile, fetchRecord } from 'reignite/zenodo';
 * const { files } = await fetchRecord({ api: 'https://zenodo.org/api', record: 15674785 });
 * for (const { key, url, size, md5 } of files) await downloadFile({ url, path: key, size, md5 });
 *
 * @module
 */
export { type Download, type DownloadedFile, downloadFile } from '../toolkit/zenodo/download/download-file.ts';
export {
  type FetchRecordOptions,
  fetchRecord,
  type RecordFile,
  type ZenodoRecord,
} from '../toolkit/zenodo/record/record.ts';
