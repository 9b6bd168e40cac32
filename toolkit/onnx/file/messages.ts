import protobuf from 'protobufjs/light.js';
import { withArticle } from '../../format.ts';

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
