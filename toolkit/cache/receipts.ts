import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { sha256Of } from '../files/hash-file.ts';
import { inside } from '../files/inside.ts';

const Receipt = z.object({
  key: z.string(),
  md5: z.string(),
  bytes: z.number(),
  sha256: z.string(),
  files: z.array(z.object({ path: z.string(), size: z.number(), sha256: z.string() })),
});
export type Receipt = z.infer<typeof Receipt>;

/**
 * What was unpacked into which data folder. Kept in the home: among the published files lies nothing of ours.
 * An archive whose receipt still fits what is on disk is not fetched again.
 */
export class Receipts {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The receipt of an archive, if all its members are still there with their sizes. */
  async unpacked(data: string, file: { readonly key: string; readonly md5: string }): Promise<Receipt | undefined> {
    const receipt = await this.#read(data, file.key);
    if (receipt === undefined || receipt.md5 !== file.md5) return undefined;
    for (const { path, size } of receipt.files) {
      const found = await stat(inside(data, path)).catch(() => undefined);
      if (found?.size !== size) return undefined;
    }
    return receipt;
  }

  async write(data: string, receipt: Receipt): Promise<void> {
    await writeFileAtomic(this.#pathOf(data, receipt.key), JSON.stringify(receipt, null, 1));
  }

  async #read(data: string, key: string): Promise<Receipt | undefined> {
    try {
      return Receipt.parse(JSON.parse(await readFile(this.#pathOf(data, key), 'utf8')));
    } catch {
      return undefined;
    }
  }

  #pathOf(data: string, key: string): string {
    return join(this.#folder, sha256Of(data).slice(0, 16), `${sha256Of(key).slice(0, 16)}.json`);
  }
}
