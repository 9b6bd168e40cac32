/**
 * Fetches records and files of Zenodo: verified, and resumed from the bytes on disk.
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
