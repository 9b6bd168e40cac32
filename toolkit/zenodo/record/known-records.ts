import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { KINDS } from '../../dataset/layout.ts';
import { parseRecordJson } from '../../dataset/read-text.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { sha256Of } from '../../files/hash-file.ts';
import { readTextIfThere } from '../../files/if-there.ts';
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
