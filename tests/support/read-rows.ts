import { readRows } from '../../toolkit/slide/predict/slide-rows.ts';

/** Reads all rows of an image from row files. */
export async function allRows(paths: readonly string[], width: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { data } of readRows(paths, width)) parts.push(data);
  return Buffer.concat(parts);
}
