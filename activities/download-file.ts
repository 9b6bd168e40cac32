import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { Receipts } from '../toolkit/cache/receipts.ts';
import { inside } from '../toolkit/files/inside.ts';
import { downloadFile as transfer } from '../toolkit/zenodo/download-file.ts';
import { withHeartbeat } from './heartbeat.ts';
import { FileInput } from './inputs.ts';
import type { RecordServers } from './record-servers.ts';

export interface FileOutcome {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
  /** `unpacked`: its members are in the data folder already, the archive itself is not needed again. */
  readonly state: 'present' | 'fetched' | 'unpacked';
  /** Bytes that an earlier attempt had left. */
  readonly resumedFrom: number;
}

/**
 * Fetches one file of the record, or goes on where an earlier attempt stopped; verified before it gets its name.
 * Archives wait in DATA/archives, other files take their place in DATA.
 */
export function createDownloadFile(servers: RecordServers, receipts: Receipts) {
  return async function downloadFile(input: FileInput): Promise<FileOutcome> {
    const { data, file, record, zenodo } = FileInput.parse(input);
    const receipt = await receipts.unpacked(data, file);
    if (receipt !== undefined) {
      return { key: file.key, bytes: file.size, sha256: receipt.sha256, state: 'unpacked', resumedFrom: 0 };
    }
    const folder = file.key.endsWith('.zip') ? join(data, 'archives') : data;
    return withHeartbeat({ file: file.key, bytes: 0, of: file.size }, async (report) => {
      const done = await transfer({
        url: await servers.urlOf(zenodo, record, file),
        path: inside(folder, file.key),
        size: file.size,
        md5: file.md5,
        stallMs: zenodo.stallSeconds * 1_000,
        signal: Context.current().cancellationSignal,
        onProgress: (bytes) => report({ file: file.key, bytes, of: file.size }),
      });
      const state = done.resumedFrom === file.size ? 'present' : 'fetched';
      return { key: file.key, bytes: done.size, sha256: done.sha256, state, resumedFrom: done.resumedFrom };
    });
  };
}
