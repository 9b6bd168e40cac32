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
