import { open, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { ReigniteError } from '../../errors.ts';
import { replaceFile } from '../../files/atomic-write.ts';

const inflated = promisify(inflate);
const HEAD_BYTES = 8;

/** Some rows of an image, one byte per pixel. */
export interface Rows {
  readonly count: number;
  /** count x width. */
  readonly data: Uint8Array;
}

/** A file of deflated image rows. */
export interface DeflatedRows {
  readonly count: number;
  readonly path: string;
}

/**
 * Concatenates files of deflated rows. Each part is written as its number of rows, its number of bytes, then the bytes.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function joinRows(path: string, parts: readonly DeflatedRows[]): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      for (const { count, path: part } of parts) {
        const bytes = await readFile(part);
        const head = Buffer.alloc(HEAD_BYTES);
        head.writeUInt32LE(count, 0);
        head.writeUInt32LE(bytes.length, 4);
        await handle.writeFile(head);
        await handle.writeFile(bytes);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/**
 * Reads the rows of files that `joinRows` wrote, one part at a time.
 *
 * @param width - Width of the image, px.
 * @throws ReigniteError INTERNAL for a truncated file.
 */
export async function* readRows(paths: readonly string[], width: number): AsyncGenerator<Rows> {
  for (const path of paths) {
    const handle = await open(path);
    try {
      const { size } = await handle.stat();
      for (let at = 0; at < size; ) {
        const head = Buffer.alloc(HEAD_BYTES);
        await handle.read(head, 0, HEAD_BYTES, at);
        const [count, length] = [head.readUInt32LE(0), head.readUInt32LE(4)];
        const bytes = Buffer.alloc(Math.min(length, size - at - HEAD_BYTES));
        await handle.read(bytes, 0, bytes.length, at + HEAD_BYTES);
        const data = bytes.length === length ? await inflated(bytes) : Buffer.alloc(0);
        if (data.length !== count * width) throw new ReigniteError('INTERNAL', `${path} does not hold whole rows.`);
        yield { count, data };
        at += HEAD_BYTES + length;
      }
    } finally {
      await handle.close();
    }
  }
}
