import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import { listArchive } from '../toolkit/archive/list-archive.ts';
import { unpackArchive as unpack } from '../toolkit/archive/unpack-archive.ts';
import type { Receipts } from '../toolkit/cache/receipts.ts';
import { ensureFreeSpace } from '../toolkit/files/free-space.ts';
import { sha256OfFile } from '../toolkit/files/hash-file.ts';
import { inside } from '../toolkit/files/inside.ts';
import { withHeartbeat } from './heartbeat.ts';
import { FileInput } from './inputs.ts';

export interface UnpackOutcome {
  readonly key: string;
  readonly files: number;
  readonly bytes: number;
}

/** Unpacks a fetched archive into the data folder; the archive goes when every member is there and verified. */
export function createUnpackArchive(receipts: Receipts) {
  return async function unpackArchive(input: FileInput): Promise<UnpackOutcome> {
    const { data, file, zenodo } = FileInput.parse(input);
    const earlier = await receipts.unpacked(data, file);
    if (earlier !== undefined) return { key: file.key, files: earlier.files.length, bytes: earlier.bytes };
    const archive = inside(join(data, 'archives'), file.key);
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ archive: file.key }, async (report) => {
      const sha256 = await sha256OfFile(archive, signal);
      const root = file.key.replace(/\.zip$/, '');
      await ensureFreeSpace(data, (await listArchive(archive, { root, signal })).bytes);
      const { files, bytes } = await unpack({
        archive,
        target: data,
        root,
        signal,
        onProgress: (done) => report({ archive: file.key, bytes: done }),
      });
      const members = files.map((member) => ({ path: member.path, size: member.size, sha256: member.sha256 }));
      await receipts.write(data, { key: file.key, md5: file.md5, bytes, sha256, files: members });
      if (!zenodo.keepArchives) await removeArchive(archive);
      return { key: file.key, files: files.length, bytes };
    });
  };
}

/** The folder goes with its last archive. */
async function removeArchive(archive: string): Promise<void> {
  await rm(archive, { force: true });
  await rmdir(dirname(archive)).catch(() => undefined);
}
