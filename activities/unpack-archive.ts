import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import { listArchive } from '../toolkit/archive/list-archive.ts';
import { unpackArchive as unpack } from '../toolkit/archive/unpack-archive.ts';
import type { Receipts } from '../toolkit/cache/receipts.ts';
import { rootOfArchive } from '../toolkit/dataset/layout.ts';
import { ensureFreeSpace } from '../toolkit/files/free-space.ts';
import { inside } from '../toolkit/files/inside.ts';
import { Selection } from '../toolkit/zenodo/selection.ts';
import { UnpackInput } from './inputs.ts';
import { withTransferProgress } from './transfer-progress.ts';

export interface UnpackOutcome {
  readonly key: string;
  readonly files: number;
  readonly bytes: number;
}

/** Unpacks a fetched archive into the data folder; the archive goes when every member is there and verified. */
export function createUnpackArchive(receipts: Receipts) {
  return async function unpackArchive(input: UnpackInput): Promise<UnpackOutcome> {
    const { data, file, zenodo, only, sha256 } = UnpackInput.parse(input);
    const { key, size, md5 } = file;
    const earlier = await receipts.whole(data, file);
    if (earlier !== undefined) return { key, files: earlier.files.length, bytes: earlier.bytes };
    const archive = inside(join(data, 'archives'), key);
    const selection = file.part && only !== undefined ? new Selection(only) : undefined;
    const wanted = {
      root: rootOfArchive(key),
      signal: Context.current().cancellationSignal,
      ...(selection === undefined ? {} : { select: (path: string) => selection.takes(path) }),
    };
    return withTransferProgress({ file: key, of: size, phase: 'unpacking' }, async (report) => {
      await ensureFreeSpace(data, (await listArchive(archive, wanted)).bytes);
      const { files, bytes } = await unpack({
        ...wanted,
        archive,
        target: data,
        onProgress: (done, of) => report('unpacking', done, of),
      });
      const members = files.map((member) => ({ path: member.path, size: member.size, sha256: member.sha256 }));
      const receipt = { key, md5, sha256, size, verified: 'md5', files: members } as const;
      if (selection === undefined) await receipts.write(data, { ...receipt, bytes, whole: true });
      else await receipts.addPart(data, receipt);
      if (!zenodo.keepArchives) await removeArchive(archive);
      return { key, files: files.length, bytes };
    });
  };
}

/** The folder goes with its last archive. */
async function removeArchive(archive: string): Promise<void> {
  await rm(archive, { force: true });
  await rmdir(dirname(archive)).catch(() => undefined);
}
