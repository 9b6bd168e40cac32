import { createReadStream } from 'node:fs';

/** Images and boxes of a COCO file. */
export interface CocoCounts {
  readonly images: number;
  readonly boxes: number;
}

const PIECE_BYTES = 2 ** 20;
const IMAGE = '"file_name"';
const BOX = '"image_id"';
/** Characters of a piece that are kept in case a name crosses its end: one less than the longer name. */
const KEPT = Math.max(IMAGE.length, BOX.length) - 1;

/**
 * Counts images and boxes of an MS COCO file of any size, by a field that each of them has exactly once. The file is
 * not parsed, so that memory does not grow with its size.
 *
 * @param options.pieceBytes - Bytes read at a time.
 * @throws The system's error when there is no such file; the signal's reason when aborted.
 */
export async function countBoxes(
  path: string,
  { signal, pieceBytes = PIECE_BYTES }: { readonly signal?: AbortSignal; readonly pieceBytes?: number } = {},
): Promise<CocoCounts> {
  let [images, boxes, kept] = [0, 0, ''];
  for await (const chunk of createReadStream(path, { encoding: 'latin1', highWaterMark: pieceBytes, signal })) {
    const text = `${kept}${String(chunk)}`;
    // A name that is wholly within the kept part was already counted.
    images += occurrences(text, IMAGE, kept.length);
    boxes += occurrences(text, BOX, kept.length);
    kept = text.slice(-KEPT);
  }
  return { images, boxes };
}

/** Counts occurrences that end after the first `seen` characters. */
function occurrences(text: string, name: string, seen: number): number {
  let count = 0;
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + name.length)) {
    if (at + name.length > seen) count++;
  }
  return count;
}
