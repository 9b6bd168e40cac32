import { rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Context } from '@temporalio/activity';
import { unpackArchive as unpack } from '../toolkit/archive/unpack-archive.ts';
import { rootOfArchive } from '../toolkit/dataset/layout.ts';
import { inside } from '../toolkit/files/inside.ts';
import { Selection } from '../toolkit/zenodo/selection.ts';
import type { DownloadServices } from './download.ts';
import { UnpackInput } from './inputs.ts';
import { withTransferProgress } from './transfer-progress.ts';
import { withPatience } from './with-patience.ts';

export interface UnpackOutcome {
  readonly key: string;
  readonly files: number;
  readonly bytes: number;
}

export type UnpackServices = Pick<DownloadServices, 'receipts' | 'patience'>;

/** Unpacks a fetched archive into the data folder; the archive goes when every member is there and verified. */
export function createUnpackArchive({ receipts, patience }: UnpackServices) {
  return async function unpackArchive(input: UnpackInput): Promise<UnpackOutcome> {
    const { data, file, zenodo, only, sha256, mirrored, retrySeconds } = UnpackInput.parse(input);
    const { key, size, md5 } = file;
    const earlier = await receipts.whole(data, file);
    if (earlier !== undefined) return { key, files: earlier.files.length, bytes: earlier.bytes };
    const fetched = inside(join(data, 'archives'), key);
    // What is used from a mirror is only read; what was verified is what is named, not whatever lies there first.
    const archive = mirrored && zenodo.mirror !== undefined ? inside(zenodo.mirror, key) : fetched;
    const selection = file.part && only !== undefined ? new Selection(only) : undefined;
    const wanted = {
      root: rootOfArchive(key),
      signal: Context.current().cancellationSignal,
      ...(selection === undefined ? {} : { select: (path: string) => selection.takes(path) }),
    };
    let unpacked = 0;
    const attempt = { zenodo, retrySeconds, subject: `unpack ${archive}`, bytes: async () => unpacked };
    const unpackFile = () =>
      withTransferProgress({ file: key, of: size, phase: 'unpacking' }, async (report) => {
        const { files, bytes } = await unpack({
          ...wanted,
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
        if (!zenodo.keepArchives && !mirrored) await removeArchive(archive);
        return { key, files: files.length, bytes };
      });
    return withPatience(patience, attempt, unpackFile);
  };
}

/** The folder goes with its last archive. */
async function removeArchive(archive: string): Promise<void> {
  await rm(archive, { force: true });
  await rmdir(dirname(archive)).catch(() => undefined);
}
