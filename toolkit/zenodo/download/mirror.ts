import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseRecordJson } from '../../dataset/read-text.ts';
import { replaceFile } from '../../files/atomic-write.ts';
import { readTextIfThere, statIfThere } from '../../files/if-there.ts';
import { inside } from '../../files/inside.ts';
import { parseRecordId, readRecord, type ZenodoRecord } from '../record/record.ts';
import type { SizeAndDigests } from './digests.ts';
import { digestsOfFile } from './digests.ts';

export interface MirroredFile extends SizeAndDigests {
  readonly path: string;
}

/**
 * Looks for a file of the record in a mirror folder, which is only read. Ignores files with another size or MD5.
 *
 * @param onBytes - Called while the file is read.
 */
export async function findInMirror(
  mirror: string,
  file: { readonly key: string; readonly size: number; readonly md5: string },
  signal: AbortSignal,
  onBytes: () => void,
): Promise<MirroredFile | undefined> {
  const path = inside(mirror, file.key);
  const found = await statIfThere(path);
  if (!found?.isFile() || found.size !== file.size) return undefined;
  const digests = await digestsOfFile(path, signal, onBytes);
  return digests.md5 === file.md5 ? { path, ...digests } : undefined;
}

/** Copies a file of the mirror to `place`. */
export async function copyFromMirror(source: string, place: string, signal: AbortSignal): Promise<void> {
  await replaceFile(place, (temporary) =>
    pipeline(createReadStream(source), createWriteStream(temporary, { flags: 'wx', flush: true }), { signal }),
  );
}

/**
 * Reads the API's description of the record from `record.json` in a mirror folder.
 *
 * @returns Undefined if the file is missing or describes another record.
 * @throws ReigniteError RECORD_INVALID if the file is not a description of a record.
 */
export async function recordOfMirror(mirror: string, api: string, asked: string): Promise<ZenodoRecord | undefined> {
  const path = join(mirror, 'record.json');
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  const record = readRecord(parseRecordJson(text, path, 'RECORD_INVALID'), api, path);
  const id = parseRecordId(asked);
  return record.id === id || record.concept === id ? record : undefined;
}
