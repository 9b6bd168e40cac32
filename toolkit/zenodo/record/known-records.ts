import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { KINDS } from '../../dataset/layout.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { sha256Of } from '../../files/hash-file.ts';
import { parseRecordId, type ZenodoRecord } from './record.ts';

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
