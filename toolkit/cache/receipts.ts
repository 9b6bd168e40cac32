import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { statIfThere } from '../files/file-access.ts';
import { inside } from '../files/folders.ts';
import { sha256Of } from '../files/hash-file.ts';
import { readJsonIfValid } from '../files/text-file.ts';

/**
 * How a file was verified: `md5`, against the record's checksum of the whole file; `crc`, each member against the
 * CRC-32 in the archive's directory, when only part of the archive was downloaded.
 */
export const Verified = z.enum(['md5', 'crc']);
export type Verified = z.infer<typeof Verified>;

const ReceiptFile = z.object({
  /** Relative to the data folder. */
  path: z.string(),
  size: z.number(),
  sha256: z.string(),
});

const Receipt = z.object({
  key: z.string(),
  /** As the record publishes it. */
  md5: z.string(),
  /** SHA-256 of the record's file; absent if only some members were downloaded. */
  sha256: z.string().optional(),
  /** Size of the record's file. */
  size: z.number(),
  /** Total size of the files in the data folder. */
  bytes: z.number(),
  verified: Verified,
  /** Whether all of the file was downloaded, or only the requested members. */
  whole: z.boolean(),
  /** ISO 8601. */
  at: z.string(),
  files: z.array(ReceiptFile),
});
export type Receipt = z.infer<typeof Receipt>;

const RecordNote = z.object({
  id: z.string(),
  concept: z.string().optional(),
  doi: z.string().optional(),
  title: z.string().optional(),
});
/** Which version of which record is in a data folder. */
export type RecordNote = z.infer<typeof RecordNote>;

/**
 * What was downloaded into a data folder, for the provenance of a run: the record, and every file with its checksums.
 */
export interface AcquisitionManifest {
  readonly record: RecordNote | undefined;
  /** In the order of their keys. */
  readonly files: readonly Receipt[];
}

/**
 * Records what was downloaded and unpacked into which data folder. Kept in the state directory, so that a data folder
 * contains only published files. An archive is not downloaded again while its receipt matches the files on disk.
 */
export class Receipts {
  readonly #folder: string;

  /** @param folder - The folder `receipts` of the state directory. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Returns the receipt of a complete file of the record, if all files unpacked from it still exist with the recorded
   * size.
   */
  async whole(data: string, file: { readonly key: string; readonly md5: string }): Promise<Receipt | undefined> {
    const receipt = await readJsonIfValid(this.#pathOf(data, file.key), Receipt);
    if (receipt === undefined || receipt.md5 !== file.md5 || !receipt.whole) return undefined;
    for (const { path, size } of receipt.files) {
      const found = await statIfThere(inside(data, path));
      if (found?.size !== size) return undefined;
    }
    return receipt;
  }

  async write(data: string, receipt: Omit<Receipt, 'at'>): Promise<void> {
    const dated: Receipt = { ...receipt, at: new Date().toISOString() };
    await writeFileAtomic(this.#pathOf(data, receipt.key), JSON.stringify(dated, null, 1));
  }

  /** Adds members to the receipt of an archive, unless the complete archive is already present. */
  async addPart(data: string, part: Omit<Receipt, 'at' | 'whole' | 'bytes'>): Promise<void> {
    const known = await readJsonIfValid(this.#pathOf(data, part.key), Receipt);
    const before = known?.md5 === part.md5 ? known : undefined;
    if (before?.whole === true && (await this.whole(data, part)) !== undefined) return;
    const files = new Map([...(before?.files ?? []), ...part.files].map((file) => [file.path, file]));
    const all = [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    const verified = before === undefined || before.verified === part.verified ? part.verified : 'crc';
    const bytes = all.reduce((sum, { size }) => sum + size, 0);
    await this.write(data, { ...part, verified, whole: false, bytes, files: all });
  }

  async writeRecord(data: string, record: RecordNote): Promise<void> {
    await writeFileAtomic(this.#recordPathOf(data), JSON.stringify(RecordNote.parse(record), null, 1));
  }

  /** Returns size, MD5 and SHA-256 of everything downloaded into a data folder; no files if nothing was. */
  async manifest(data: string): Promise<AcquisitionManifest> {
    const folder = this.#folderOf(data);
    const names = await readdir(folder).catch(() => []);
    const receipts = await Promise.all(
      names.filter((name) => name !== RECORD).map((name) => readJsonIfValid(join(folder, name), Receipt)),
    );
    const files = receipts.filter((receipt) => receipt !== undefined);
    return {
      record: await readJsonIfValid(this.#recordPathOf(data), RecordNote),
      files: files.sort((a, b) => (a.key < b.key ? -1 : 1)),
    };
  }

  #folderOf(data: string): string {
    return join(this.#folder, sha256Of(data).slice(0, 16));
  }

  #pathOf(data: string, key: string): string {
    return join(this.#folderOf(data), `${sha256Of(key).slice(0, 16)}.json`);
  }

  #recordPathOf(data: string): string {
    return join(this.#folderOf(data), RECORD);
  }
}

const RECORD = 'record.json';
