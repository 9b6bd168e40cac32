import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ReigniteError } from '../../errors.ts';
import { fileMissing, requireRegularFile } from '../../files/file-access.ts';

const WINDOW_BYTES = 64 * 1024;
const MAX_PART_LENGTH = 2 ** 20;
/** Maximum bytes of a varint in protobuf: 64 bits in groups of seven. */
const MAX_VARINT = 10;

/** A field of a protobuf message: its number, and its value or the position of its bytes. */
export interface MessageField {
  readonly number: number;
  /** Value of a varint; 0 for fields of other kinds. */
  readonly value: number;
  /** Byte range of a length-delimited field in the file; empty for fields of other kinds. */
  readonly from: number;
  readonly to: number;
  readonly isSpan: boolean;
}

/**
 * Reads a protobuf file field by field. Long fields are skipped, so that the weights of a model stay on disk.
 *
 * @throws ReigniteError MODEL_UNREADABLE if the bytes are not a protobuf message.
 */
export class ProtobufReader {
  readonly path: string;
  readonly length: number;
  readonly #handle: number;
  #window = new Uint8Array(0);
  #windowAt = 0;

  /** @throws ReigniteError FILE_MISSING; USAGE if it is not a regular file. */
  constructor(path: string) {
    requireRegularFile(path);
    try {
      this.#handle = openSync(path, 'r');
    } catch (error) {
      throw fileMissing(path, error);
    }
    this.path = path;
    this.length = fstatSync(this.#handle).size;
  }

  close(): void {
    closeSync(this.#handle);
  }

  /** Yields the fields between two offsets, in order. */
  *fields(from: number, to: number): Generator<MessageField> {
    for (let at = from; at < to; ) {
      const tag = this.#varint(at, to);
      const number = Math.floor(tag.value / 8);
      const wire = tag.value % 8;
      if (number === 0) throw this.#broken(at);
      if (wire === 0) {
        const { value, next } = this.#varint(tag.next, to);
        yield { number, value, from: next, to: next, isSpan: false };
        at = next;
      } else if (wire === 2) {
        const { value, next } = this.#varint(tag.next, to);
        if (next + value > to) throw this.#broken(at);
        yield { number, value: 0, from: next, to: next + value, isSpan: true };
        at = next + value;
      } else if (wire === 1 || wire === 5) {
        const next = tag.next + (wire === 1 ? 8 : 4);
        if (next > to) throw this.#broken(at);
        yield { number, value: 0, from: next, to: next, isSpan: false };
        at = next;
      } else throw this.#broken(at);
    }
  }

  /** Returns a short field as text. */
  text({ from, to }: MessageField): string {
    if (to - from > WINDOW_BYTES) throw this.#broken(from);
    const bytes = new Uint8Array(to - from);
    for (let at = 0; at < bytes.length; at++) bytes[at] = this.#byte(from + at);
    return Buffer.from(bytes).toString('utf8');
  }

  /** Reads a short part of the file. */
  bytes({ from, to }: Pick<MessageField, 'from' | 'to'>): Uint8Array {
    if (to - from > MAX_PART_LENGTH) throw this.#broken(from);
    const bytes = new Uint8Array(to - from);
    readSync(this.#handle, bytes, 0, bytes.length, from);
    return bytes;
  }

  /** Yields the varints of a packed field. */
  *packed({ from, to }: MessageField): Generator<number> {
    for (let at = from; at < to; ) {
      const { value, next } = this.#varint(at, to);
      yield value;
      at = next;
    }
  }

  #varint(at: number, end: number): { readonly value: number; readonly next: number } {
    let value = 0;
    let unit = 1;
    for (let read = 0; read < MAX_VARINT && at + read < end; read++) {
      const byte = this.#byte(at + read);
      value += (byte & 0x7f) * unit;
      unit *= 128;
      if (byte < 128) return { value, next: at + read + 1 };
    }
    throw this.#broken(at);
  }

  #byte(at: number): number {
    const inside = at - this.#windowAt;
    if (inside < 0 || inside >= this.#window.length) {
      this.#window = new Uint8Array(Math.min(WINDOW_BYTES, this.length - at));
      this.#windowAt = at;
      readSync(this.#handle, this.#window, 0, this.#window.length, at);
      return this.#window[0] ?? 0;
    }
    return this.#window[inside] ?? 0;
  }

  #broken(at: number): ReigniteError {
    return new ReigniteError('MODEL_UNREADABLE', `${this.path} is not an ONNX model: byte ${at} is invalid.`, {
      remedy: 'Export or download the model again.',
    });
  }
}
