import { createReadStream } from 'node:fs';
import { JSONParser } from '@streamparser/json';

/** Names of the lists of an MS COCO file that the detection tasks need. */
export const COCO_LISTS = ['images', 'annotations', 'categories'] as const;

export type CocoList = (typeof COCO_LISTS)[number];

/** Receives one item of a list; returns false if the item is invalid. */
export type TakeItem = (list: CocoList, item: unknown) => boolean;

const PIECE_BYTES = 2 ** 18;
const BYTE_ORDER_MARK = '\ufeff';

/**
 * Reads the lists of an MS COCO file item by item, so that memory does not grow with the text: the record's largest
 * file has 845,509 boxes.
 *
 * @returns Whether the file is JSON with items in each list, and `take` accepted all of them. If not, the caller parses
 *   the file as a whole, to report what is wrong and where.
 * @throws The system's error when the file cannot be read.
 */
export async function streamCocoItems(
  path: string,
  take: TakeItem,
  { pieceBytes = PIECE_BYTES }: { readonly pieceBytes?: number } = {},
): Promise<boolean> {
  const items = new CocoItems(take);
  const stream = createReadStream(path, { highWaterMark: pieceBytes });
  try {
    for await (const chunk of stream) if (!(chunk instanceof Buffer) || !items.push(chunk)) return false;
    return items.end();
  } finally {
    stream.destroy();
  }
}

/**
 * Reads a list from the first bytes of an MS COCO file.
 *
 * @returns Undefined if the list is incomplete or the bytes are not JSON.
 */
export function listAtStart(start: Uint8Array, list: CocoList): unknown {
  const parser = new JSONParser({ paths: [`$.${list}`], keepStack: false });
  let found: unknown;
  let isJson = true;
  parser.onError = () => {
    isJson = false;
  };
  parser.onValue = ({ value }) => {
    found = value;
  };
  try {
    parser.write(start);
  } catch {
    isJson = false;
  }
  return isJson ? found : undefined;
}

/** Finds items in the bytes of an MS COCO file as they arrive. */
class CocoItems {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #parser: JSONParser;
  readonly #counts = new Map<CocoList, number>();
  #isAsExpected = true;

  constructor(take: TakeItem) {
    // The parser keeps only values at these paths in memory.
    this.#parser = new JSONParser({ paths: COCO_LISTS.map((list) => `$.${list}.*`), keepStack: false });
    this.#parser.onError = () => {
      this.#isAsExpected = false;
    };
    this.#parser.onValue = ({ key, value, stack }) => {
      const list = COCO_LISTS.find((each) => each === stack.at(-1)?.key);
      if (list === undefined || !this.#isNext(list, key) || !take(list, value)) this.#isAsExpected = false;
    };
  }

  /** @returns Whether everything was valid so far. */
  push(bytes: Uint8Array): boolean {
    try {
      const text = this.#decoder.decode(bytes, { stream: true });
      // The parser ignores byte order marks anywhere, but only the one at the start, which the decoder removed, is
      // allowed.
      if (text.includes(BYTE_ORDER_MARK)) return false;
      this.#parser.write(bytes);
    } catch {
      return false;
    }
    return this.#isAsExpected;
  }

  /** Whether `key` is the next index of a list. If not, the list is an object, or occurs twice. */
  #isNext(list: CocoList, key: unknown): boolean {
    const count = this.#counts.get(list) ?? 0;
    this.#counts.set(list, count + 1);
    return key === count;
  }

  end(): boolean {
    try {
      this.#decoder.decode();
      if (!this.#parser.isEnded) this.#parser.end();
    } catch {
      return false;
    }
    return this.#isAsExpected && COCO_LISTS.every((list) => (this.#counts.get(list) ?? 0) > 0);
  }
}

/** Images and boxes of a COCO file. */
interface CocoCounts {
  readonly images: number;
  readonly boxes: number;
}

const COUNTED_PIECE_BYTES = 2 ** 20;
const IMAGE = '"file_name"';
const BOX = '"image_id"';
/** Characters of a piece that are kept in case a name crosses its end: one less than the longer name. */
const KEPT = Math.max(IMAGE.length, BOX.length) - 1;

/**
 * Counts images and boxes of an MS COCO file of any size, by a field that each of them has exactly once. The file is
 * not parsed, so that memory does not grow with its size.
 *
 * @param options.pieceBytes - Bytes read at a time.
 * @throws The system's error if the file does not exist; the signal's reason when aborted.
 */
export async function countBoxes(
  path: string,
  { signal, pieceBytes = COUNTED_PIECE_BYTES }: { readonly signal?: AbortSignal; readonly pieceBytes?: number } = {},
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
