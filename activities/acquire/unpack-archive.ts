import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import { unpackArchive as unpack } from '../../toolkit/archive/unpack-archive.ts';
import { bestEffort } from '../../toolkit/concurrency.ts';
import { KINDS, rootOfArchive } from '../../toolkit/dataset/layout.ts';
import { inside } from '../../toolkit/files/folders.ts';
import { lockFile } from '../../toolkit/files/lease.ts';
import { Selection } from '../../toolkit/zenodo/record/record-files.ts';
import { UnpackInput } from '../inputs.ts';
import type { DownloadServices } from './download.ts';
import { withRetryBudget, withTransferProgress } from './transfer.ts';

export interface UnpackOutcome {
  readonly key: string;
  readonly files: number;
  readonly bytes: number;
}

export type UnpackServices = Pick<DownloadServices, 'receipts' | 'retryBudget'>;

/**
 * Unpacks a downloaded archive into the data folder, and removes it once every member was verified. Only one process
 * unpacks at a time: runs of several state directories may share the folder and would move each other's files aside.
 *
 * Fails with FILE_MISSING if another state directory has unpacked and removed the archive; a new download then finds
 * its files.
 */
export function createUnpackArchive({ receipts, retryBudget }: UnpackServices) {
  return async function unpackArchive(input: UnpackInput): Promise<UnpackOutcome> {
    const { data, file, zenodo, only, sha256, mirrored, retrySeconds } = UnpackInput.parse(input);
    const { key, size, md5 } = file;
    const earlier = await receipts.whole(data, file);
    if (earlier !== undefined) return { key, files: earlier.files.length, bytes: earlier.bytes };
    const fetched = inside(join(data, 'archives'), key);
    // Files in a mirror are only read; the verified path is used, not the first one found.
    const archive = mirrored && zenodo.mirror !== undefined ? inside(zenodo.mirror, key) : fetched;
    const selection = file.part && only !== undefined ? new Selection(only) : undefined;
    const wanted = {
      root: rootOfArchive(file),
      folders: KINDS,
      ...(selection === undefined ? {} : { select: (path: string) => selection.takes(path) }),
    };
    let unpacked = 0;
    const attempt = { zenodo, retrySeconds, subject: `unpack ${archive}`, bytes: async () => unpacked };
    const unpackFile = (lost: AbortSignal) =>
      withTransferProgress({ file: key, of: size, phase: 'unpacking' }, async (report) => {
        // Another run of this state directory may have unpacked it while this one waited.
        const known = await receipts.whole(data, file);
        if (known !== undefined) return { key, files: known.files.length, bytes: known.bytes };
        const { files, bytes } = await unpack({
          ...wanted,
          signal: AbortSignal.any([Context.current().cancellationSignal, lost]),
          archive,
          target: data,
          onProgress: (done, of) => {
            unpacked = done;
            report('unpacking', done, of);
          },
        });
        const members = files.map((member) => ({ path: member.path, size: member.size, sha256: member.sha256 }));
        const receipt = { key, md5, sha256, size, verified: 'md5', files: members } as const;
        if (selection === undefined) await receipts.write(data, { ...receipt, bytes, whole: true });
        else await receipts.addPart(data, receipt);
        if (!zenodo.keepArchives && !mirrored) await rm(archive, { force: true });
        return { key, files: files.length, bytes };
      });
    return withRetryBudget(retryBudget, attempt, async () => {
      const lock = await lockFile(`${fetched}.unpacking`, `The content of ${key}`);
      try {
        return await unpackFile(lock.lost);
      } finally {
        await lock.release();
        // The folder is removed with its last archive.
        await bestEffort(rmdir(dirname(fetched)), 'other archives may remain');
      }
    });
  };
}
