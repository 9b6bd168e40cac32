import { type FileHandle, open } from 'node:fs/promises';
import { replaceFile } from './atomic-write.ts';

const COPIED_AT_ONCE = 2 ** 20;

/** Concatenates files into one. @throws ReigniteError NO_SPACE, NOT_WRITABLE. */
export async function concatenateFiles(path: string, parts: readonly string[]): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const target = await open(temporary, 'wx');
    try {
      for (const part of parts) await append(part, target);
      await target.sync();
    } finally {
      await target.close();
    }
  });
}

async function append(path: string, target: FileHandle): Promise<void> {
  const source = await open(path);
  try {
    const buffer = Buffer.alloc(COPIED_AT_ONCE);
    for (;;) {
      const { bytesRead } = await source.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      await target.writeFile(buffer.subarray(0, bytesRead));
    }
  } finally {
    await source.close();
  }
}
