import { createReadStream } from 'node:fs';
import { JSONParser } from '@streamparser/json';

/** Names of the lists of an MS COCO file that the detection tasks need. */
export const COCO_LISTS = ['images', 'annotations', 'categories'] as const;

export type CocoList = (typeof COCO_LISTS)[number];

/** Takes one item of a list; false when the item is not as expected. */
export type TakeItem = (list: CocoList, item: unknown) => boolean;

const PIECE_BYTES = 2 ** 18;
const BYTE_ORDER_MARK = '\ufeff';

/**
 * Reads the lists of an MS COCO file item by item, so that memory does not grow with its text: the record's largest holds
 * 845,509 boxes.
 *
 * @returns Whether the file is JSON with items in each of the lists, all of which were taken. A file for which this is
 *   false is parsed as a whole by the caller, which says what is wrong with it and where.
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
 * Reads a list of an MS COCO file of which only the beginning is there.
 *
 * @returns Undefined where the list does not end in there, or the bytes are not JSON.
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

/** Finds items in the bytes of an MS COCO file as these arrive. */
class CocoItems {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  readonly #parser: JSONParser;
  readonly #counts = new Map<CocoList, number>();
  #isAsExpected = true;

  constructor(take: TakeItem) {
    // Only these paths are kept; everything else is dropped as soon as it is read.
    this.#parser = new JSONParser({ paths: COCO_LISTS.map((list) => `$.${list}.*`), keepStack: false });
    this.#parser.onError = () => {
      this.#isAsExpected = false;
    };
    this.#parser.onValue = ({ key, value, stack }) => {
      const list = COCO_LISTS.find((each) => each === stack.at(-1)?.key);
      if (list === undefined || !this.#isNext(list, key) || !take(list, value)) this.#isAsExpected = false;
    };
  }

  /** @returns Whether all is as expected so far. */
  push(bytes: Uint8Array): boolean {
    try {
      const text = this.#decoder.decode(bytes, { stream: true });
      // The parser drops byte order marks anywhere; the decoder has dropped the one at the beginning.
      if (text.includes(BYTE_ORDER_MARK)) return false;
      this.#parser.write(bytes);
    } catch {
      return false;
    }
    return this.#isAsExpected;
  }

  /** False for a name in place of a number, or a number that came before: the list is an object, or occurs twice. */
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
