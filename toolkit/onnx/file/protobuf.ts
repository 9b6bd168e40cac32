import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import protobuf from 'protobufjs/light.js';
import { ReigniteError } from '../../errors.ts';
import { fileMissing, requireRegularFile } from '../../files/file-access.ts';
import { withArticle } from '../../format.ts';

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

/** Defines a proto2 message: fields set to their default are still written, as ONNX's checker requires. */
function message(fields: Readonly<Record<string, protobuf.IField>>) {
  return { edition: 'proto2', fields: { ...fields } };
}

/**
 * The part of ONNX's messages that reignite writes, with the field numbers of onnx.proto (IR version 8).
 *
 * @see https://github.com/onnx/onnx/blob/v1.14.1/onnx/onnx.proto
 */
const root = protobuf.Root.fromJSON({
  nested: {
    ModelProto: message({
      irVersion: { type: 'int64', id: 1 },
      producerName: { type: 'string', id: 2 },
      graph: { type: 'GraphProto', id: 7 },
      opsetImport: { rule: 'repeated', type: 'OperatorSetIdProto', id: 8 },
    }),
    OperatorSetIdProto: message({ domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } }),
    GraphProto: message({
      node: { rule: 'repeated', type: 'NodeProto', id: 1 },
      name: { type: 'string', id: 2 },
      initializer: { rule: 'repeated', type: 'TensorProto', id: 5 },
      input: { rule: 'repeated', type: 'ValueInfoProto', id: 11 },
      output: { rule: 'repeated', type: 'ValueInfoProto', id: 12 },
    }),
    NodeProto: message({
      input: { rule: 'repeated', type: 'string', id: 1 },
      output: { rule: 'repeated', type: 'string', id: 2 },
      name: { type: 'string', id: 3 },
      opType: { type: 'string', id: 4 },
      attribute: { rule: 'repeated', type: 'AttributeProto', id: 5 },
    }),
    AttributeProto: message({
      name: { type: 'string', id: 1 },
      f: { type: 'float', id: 2 },
      i: { type: 'int64', id: 3 },
      s: { type: 'bytes', id: 4 },
      g: { type: 'GraphProto', id: 6 },
      ints: { rule: 'repeated', type: 'int64', id: 8 },
      type: { type: 'int32', id: 20 },
    }),
    ValueInfoProto: message({ name: { type: 'string', id: 1 }, type: { type: 'TypeProto', id: 2 } }),
    TypeProto: message({ tensorType: { type: 'TensorTypeProto', id: 1 } }),
    TensorTypeProto: message({ elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShapeProto', id: 2 } }),
    TensorShapeProto: message({ dim: { rule: 'repeated', type: 'DimensionProto', id: 1 } }),
    DimensionProto: message({ dimValue: { type: 'int64', id: 1 } }),
    TensorProto: message({
      dims: { rule: 'repeated', type: 'int64', id: 1 },
      dataType: { type: 'int32', id: 2 },
      name: { type: 'string', id: 8 },
      rawData: { type: 'bytes', id: 9 },
    }),
  },
});

export type MessageName = 'ModelProto' | 'GraphProto' | 'TensorProto' | 'NodeProto' | 'ValueInfoProto';

/** Field numbers of the length-delimited fields that are framed by hand, so that weights are never in memory twice. */
export const FIELD = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const;

/** Encodes an ONNX message. Fields that are absent are not written. */
export function encodeMessage(name: MessageName, fields: object): Uint8Array {
  const type = root.lookupType(name);
  const fault = type.verify(fields);
  if (fault !== null) throw new TypeError(`Not ${withArticle(name)}: ${fault}`);
  return type.encode(fields).finish();
}

/** Decodes an ONNX message to a plain object with the fields that this file defines; integers become numbers. */
export function decodeMessage(name: MessageName, bytes: Uint8Array): Record<string, unknown> {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), { longs: Number, arrays: true });
}

/** Returns tag and length that start a length-delimited field (wire type 2) of `length` bytes. */
export function openField(field: number, length: number): Uint8Array {
  return new protobuf.Writer()
    .uint32((field << 3) | 2)
    .uint32(length)
    .finish();
}
