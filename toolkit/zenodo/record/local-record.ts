import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { KINDS } from '../../dataset/layout.ts';
import { replaceFile, writeFileAtomic } from '../../files/atomic-write.ts';
import { readTextIfThere, statIfThere } from '../../files/file-access.ts';
import { inside } from '../../files/folders.ts';
import { sha256Of } from '../../files/hash-file.ts';
import { parseRecordJson } from '../../files/text-file.ts';
import { digestsOfFile, type SizeAndDigests } from '../download/digests.ts';
import { parseRecordId, readRecord, type ZenodoRecord } from './record.ts';

const RecordFile = z.object({
  key: z.string(),
  size: z.number(),
  md5: z.string(),
  url: z.string(),
  root: z.enum(KINDS).exactOptional(),
});

const Known = z.object({
  id: z.string(),
  concept: z.string().exactOptional(),
  doi: z.string().exactOptional(),
  title: z.string().exactOptional(),
  // A record without files is fetched again, because its files may have become public.
  files: z.array(RecordFile).min(1),
});

/**
 * Descriptions of records, stored in the state directory. A concept number is resolved to a version only once, so that it
 * keeps its meaning.
 */
export class KnownRecords {
  readonly #folder: string;

  /** @param folder - Folder `records` of the state directory. */
  constructor(folder: string, api: string) {
    this.#folder = join(folder, sha256Of(api).slice(0, 16));
  }

  async remember(asked: string, record: ZenodoRecord): Promise<void> {
    for (const id of new Set([parseRecordId(asked), record.id])) {
      await writeFileAtomic(this.#pathOf(id), JSON.stringify(record, null, 1));
    }
  }

  /** Returns the record to which a number was resolved; undefined if it never was. */
  async recall(asked: string): Promise<ZenodoRecord | undefined> {
    try {
      return Known.parse(JSON.parse(await readFile(this.#pathOf(parseRecordId(asked)), 'utf8')));
    } catch {
      return undefined;
    }
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

interface MirroredFile extends SizeAndDigests {
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
