import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { neededFiles } from '../../../activities/acquire/fetch-record.ts';
import { RecordServers } from '../../../activities/acquire/record-servers.ts';
import type { RunInput } from '../../../activities/inputs.ts';
import { Receipts } from '../../../toolkit/cache/receipts.ts';
import { isArchive, type Kind, rootOfArchive } from '../../../toolkit/dataset/layout.ts';
import type { HomeFolders } from '../../../toolkit/files/home-folders.ts';
import { statIfThere } from '../../../toolkit/files/if-there.ts';
import { findInMirror } from '../../../toolkit/zenodo/download/mirror.ts';
import { partPath } from '../../../toolkit/zenodo/download/part-file.ts';
import { KnownRecords, recordOfMirror } from '../../../toolkit/zenodo/record/known-records.ts';
import type { RecordFile, ZenodoRecord } from '../../../toolkit/zenodo/record/record.ts';
import { isDataComplete } from './look-at-record.ts';

/** A file of the record that the run needs. */
export interface PlannedFile {
  readonly key: string;
  /** For an archive: the folder of its members. */
  readonly folder?: Kind;
  /** In bytes. */
  readonly size: number;
  /**
   * `there`: unpacked or in the data folder; `mirrored`: in the mirror; `partly`: partly downloaded; `missing`;
   * `unverified`: its folder contains files, which the run compares with the archive's directory.
   */
  readonly state: 'there' | 'mirrored' | 'partly' | 'missing' | 'unverified';
  /** Bytes still to be downloaded. */
  readonly toFetch: number;
}

/**
 * Lists the files of the record that a run needs, and which of them are present. Downloads nothing: the record's
 * contents are known from the mirror, from the served folder, or from an earlier answer of the API.
 *
 * @returns Undefined if the contents of the record are unknown.
 */
export async function planFiles(
  input: RunInput,
  home: HomeFolders,
  signal: AbortSignal,
): Promise<readonly PlannedFile[] | undefined> {
  const isComplete = await isDataComplete(input);
  const { config, folders } = input;
  const record = await recordOf(config, home, signal);
  if (record === undefined) return undefined;
  const ownModels = config.tasks.filter((task) => config[task].model !== undefined);
  const receipts = new Receipts(home.receipts);
  return Promise.all(
    neededFiles(record, config.tasks, ownModels).map(async (file): Promise<PlannedFile> => {
      const folder = rootOfArchive(file);
      const planned = { key: file.key, size: file.size, ...(folder && { folder }) };
      const { size } = file;
      if ((await receipts.whole(folders.data, file)) !== undefined) return { ...planned, state: 'there', toFetch: 0 };
      const { mirror } = config.zenodo;
      if (mirror !== undefined && (await findInMirror(mirror, file, signal, () => undefined)) !== undefined) {
        return { ...planned, state: 'mirrored', toFetch: 0 };
      }
      const bytes = await bytesOf(file, folders.data);
      if (bytes === size) return { ...planned, state: 'there', toFetch: 0 };
      if (bytes === 0 && isComplete && (await holdsRootOf(file, folders.data))) {
        return { ...planned, state: 'unverified', toFetch: 0 };
      }
      return { ...planned, state: bytes > 0 ? 'partly' : 'missing', toFetch: Math.max(0, size - bytes) };
    }),
  );
}

async function recordOf(
  { record, zenodo }: RunInput['config'],
  home: HomeFolders,
  signal: AbortSignal,
): Promise<ZenodoRecord | undefined> {
  if (zenodo.serveFrom !== undefined) {
    const servers = new RecordServers(home);
    try {
      return await servers.record(zenodo, record, signal);
    } finally {
      await servers.close();
    }
  }
  const { mirror } = zenodo;
  const given = mirror === undefined ? undefined : await recordOfMirror(mirror, zenodo.api, record);
  return given ?? (await new KnownRecords(home.records, zenodo.api).recall(record));
}

async function holdsRootOf(file: RecordFile, data: string): Promise<boolean> {
  const root = rootOfArchive(file);
  return root !== undefined && (await readdir(join(data, root)).catch(() => [])).length > 0;
}

/** Returns the size of the complete file, in place or waiting to be unpacked; otherwise the bytes downloaded so far. */
async function bytesOf({ key, size }: RecordFile, data: string): Promise<number> {
  const path = join(isArchive(key) ? join(data, 'archives') : data, key);
  const whole = (await statIfThere(path))?.size;
  if (whole === size) return size;
  return (await statIfThere(partPath(path)))?.size ?? 0;
}
