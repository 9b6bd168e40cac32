import { type FileHandle, open } from 'node:fs/promises';

/** Opens a file for the time of `use`. */
export async function openForReading<Result>(
  path: string,
  use: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  const file = await open(path, 'r');
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
