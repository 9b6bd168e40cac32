import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { Verified } from '../toolkit/cache/receipts.ts';
import { isArchive } from '../toolkit/dataset/layout.ts';
import { inside } from '../toolkit/files/inside.ts';
import { downloadFile as transfer } from '../toolkit/zenodo/download-file.ts';
import { partPath } from '../toolkit/zenodo/part-file.ts';
import type { DownloadServices } from './download.ts';
import { FileInput } from './inputs.ts';
import { withTransferProgress } from './transfer-progress.ts';
import { withPatience } from './with-patience.ts';

export interface FileOutcome {
  readonly key: string;
  /** Of the file of the record, in bytes. */
  readonly size: number;
  readonly md5: string;
  readonly sha256: string;
  readonly verified: Verified;
  /** `unpacked`: its members are in the data folder already, the archive itself is not needed again. */
  readonly state: 'present' | 'fetched' | 'unpacked';
  /** Bytes that an earlier attempt had left. */
  readonly resumedFrom: number;
}

/**
 * Fetches one file of the record, or goes on where an earlier attempt stopped; verified before it gets its name.
 * Archives wait in DATA/archives, other files take their place in DATA.
 */
export function createDownloadFile({ servers, receipts, patience }: DownloadServices) {
  return async function downloadFile(input: FileInput): Promise<FileOutcome> {
    const { data, file, record, zenodo, retrySeconds } = FileInput.parse(input);
    const { key, size, md5 } = file;
    const receipt = isArchive(key) ? await receipts.whole(data, file) : undefined;
    if (receipt?.sha256 !== undefined) {
      return { key, size, md5, sha256: receipt.sha256, verified: 'md5', state: 'unpacked', resumedFrom: size };
    }
    const path = inside(isArchive(key) ? join(data, 'archives') : data, key);
    const attempt = { zenodo, retrySeconds, subject: path, bytes: () => bytesOf(path) };
    const fetchFile = () =>
      withTransferProgress({ file: key, of: size }, async (report) => {
        const done = await transfer({
          ...(await servers.request(zenodo, record, file)),
          path,
          extraSpace: isArchive(key) ? size : 0,
          size,
          md5,
          signal: Context.current().cancellationSignal,
          onProgress: (bytes) => report('fetching', bytes),
        });
        if (!isArchive(key)) {
          const files = [{ path: key, size, sha256: done.sha256 }];
          await receipts.write(data, {
            key,
            md5,
            sha256: done.sha256,
            size,
            bytes: size,
            verified: 'md5',
            whole: true,
            files,
          });
        }
        const state = done.resumedFrom === size ? 'present' : 'fetched';
        return { key, size, md5, sha256: done.sha256, verified: 'md5', state, resumedFrom: done.resumedFrom } as const;
      });
    return withPatience(patience, attempt, fetchFile);
  };
}

async function bytesOf(path: string): Promise<number> {
  return (await stat(partPath(path)).catch(() => undefined))?.size ?? 0;
}
