import { LIMITS, type PickleContext } from './pickle-context.ts';

/** Bytes with random access: a buffer, or a file that is read in pieces. */
export interface ByteSource {
  readonly byteLength: number;
  /** Reads bytes from `offset`; `offset + length` is within `byteLength`. */
  readSync(offset: number, length: number): Uint8Array;
}

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/** Reads a source sequentially. Every length is compared with the remaining bytes before anything is allocated. */
export class ByteReader {
  readonly #source: ByteSource;
  readonly #context: PickleContext;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = 0;
  #position = 0;

  constructor(source: ByteSource, context: PickleContext) {
    this.#source = source;
    this.#context = context;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#source.byteLength - this.#position;
  }

  /** Reads the next bytes, as a view that must be copied to be kept. */
  take(length: number): Buffer {
    const view = this.#peek(length);
    this.#position += length;
    return view;
  }

  uint8(): number {
    return this.take(1).readUInt8();
  }

  uint16(): number {
    return this.take(2).readUInt16LE();
  }

  uint32(): number {
    return this.take(4).readUInt32LE();
  }

  int32(): number {
    return this.take(4).readInt32LE();
  }

  /** Reads a length of 8 bytes, and refuses one beyond the end of the file. */
  length64(): number {
    const length = this.take(8).readBigUInt64LE();
    if (length > BigInt(this.remaining)) throw this.#endsEarly(length);
    return Number(length);
  }

  doubleBigEndian(): number {
    return this.take(8).readDoubleBE();
  }

  /** Reads up to the next newline, which is skipped. */
  line(): Buffer {
    for (let length = Math.min(256, this.remaining); ; length = Math.min(2 * length, this.remaining)) {
      const end = this.#peek(length).indexOf(NEWLINE);
      if (end >= 0) {
        const line = this.take(end);
        this.#position += 1;
        return line;
      }
      if (length === this.remaining) throw this.#context.corrupt(`the line at byte ${this.#position} has no end`);
    }
  }

  #peek(length: number): Buffer {
    if (length > this.remaining) throw this.#endsEarly(length);
    if (this.#position + length > LIMITS.pickleBytes) {
      throw this.#context.unsupported(`its pickle is larger than ${LIMITS.pickleBytes} bytes`);
    }
    const start = this.#position - this.#chunkStart;
    if (start + length > this.#chunk.byteLength) {
      this.#load(Math.min(Math.max(length, CHUNK_BYTES), this.remaining));
      return this.#chunk.subarray(0, length);
    }
    return this.#chunk.subarray(start, start + length);
  }

  #load(length: number): void {
    const bytes = this.#source.readSync(this.#position, length);
    this.#chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#chunkStart = this.#position;
  }

  #endsEarly(length: number | bigint): Error {
    return this.#context.corrupt(`${length} bytes are needed at byte ${this.#position}, ${this.remaining} are left`);
  }
}

/** Creates a source from bytes in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    byteLength: bytes.byteLength,
    readSync: (offset, length) => bytes.subarray(offset, offset + length),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Maximum decimal digits of an integer of 1,024 bytes. */
const MAX_INTEGER_DIGITS = Math.floor(LIMITS.integerBytes * 8 * Math.log10(2)) + 2;

/** Decodes UTF-8. Lone surrogates, which Python accepts, are refused. */
export function decodeUtf8(bytes: Uint8Array, context: PickleContext): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw context.corrupt('a text is not valid UTF-8', error);
  }
}

/** Parses an integer of protocol 0 or of LONG: decimal, with or without the `L` of Python 2. */
export function parseInteger(line: Uint8Array, context: PickleContext): number | bigint {
  if (line.byteLength > MAX_INTEGER_DIGITS) throw context.unsupported('an integer has too many digits');
  const text = latin1(line).trim().replace(/L$/, '');
  if (!/^[+-]?\d+$/.test(text)) throw context.corrupt(`${JSON.stringify(text.slice(0, 40))} is not an integer`);
  return narrow(text.startsWith('+') ? BigInt(text.slice(1)) : BigInt(text));
}

/** Parses a number of protocol 0, as Python's `repr` writes it. */
export function parseFloat64(line: Uint8Array, context: PickleContext): number {
  const text = latin1(line.subarray(0, 400)).trim().toLowerCase();
  const special = /^([+-]?)(inf|nan)$/.exec(text);
  if (special !== null) return special[2] === 'nan' ? Number.NaN : special[1] === '-' ? -Infinity : Infinity;
  if (line.byteLength > 400 || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) {
    throw context.corrupt(`${JSON.stringify(text.slice(0, 40))} is not a number`);
  }
  return Number(text);
}

/** Decodes a little-endian integer in two's complement, of any length; empty is 0. */
export function decodeInteger(bytes: Uint8Array, context: PickleContext): number | bigint {
  if (bytes.byteLength > LIMITS.integerBytes) throw context.unsupported('an integer is too large');
  if (bytes.byteLength === 0) return 0;
  const hex = Buffer.from(bytes).reverse().toString('hex');
  return narrow(BigInt.asIntN(8 * bytes.byteLength, BigInt(`0x${hex}`)));
}

/** Converts a bigint to a number if that is exact. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Decodes text with one character per byte, which is how Python 2 strings are read here. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Encodes a text whose characters are all below 256, one byte per character. */
export function latin1Bytes(text: string, context: PickleContext): Uint8Array {
  context.chargeBytes(text.length);
  const bytes = Buffer.from(text, 'latin1');
  if (latin1(bytes) !== text) {
    throw context.corrupt('a text that means bytes has other characters than Latin-1');
  }
  return new Uint8Array(bytes);
}

/** Decodes UNICODE of protocol 0: Latin-1 with \uXXXX and \UXXXXXXXX. */
export function decodeRawUnicodeEscape(line: Uint8Array, context: PickleContext): string {
  return latin1(line).replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short, long) => {
    const code = Number.parseInt(short ?? long, 16);
    if (code > 0x10ffff) throw context.corrupt('a text has a character beyond Unicode');
    return String.fromCodePoint(code);
  });
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['f', '\f'],
  ['v', '\v'],
  ['a', '\x07'],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
]);

/** Decodes STRING of protocol 0: a quoted literal with Python's escapes. */
export function decodeQuoted(line: Uint8Array, context: PickleContext): string {
  const text = latin1(line).trimEnd();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote) {
    throw context.corrupt('a text has no quotes');
  }
  return text.slice(1, -1).replace(/\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs, (whole, hex, octal, letter) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
    return ESCAPES.get(letter) ?? whole;
  });
}
