import { readTiffDirectories } from './tiff-directory.ts';

const ORIENTATION = 274;

/**
 * Reads the orientation of an EXIF block, which is a TIFF without pixels.
 *
 * @returns 1 (as stored) to 8; 1 where the block does not say.
 */
export async function exifOrientation(block: Buffer): Promise<number> {
  const source = { read: async (offset: number, length: number) => block.subarray(offset, offset + length) };
  const pages = await readTiffDirectories(source, new Set([ORIENTATION]));
  const value = pages?.[0]?.get(ORIENTATION)?.[0] ?? 1;
  return value >= 1 && value <= 8 ? value : 1;
}
