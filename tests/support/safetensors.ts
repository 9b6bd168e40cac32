import { readFile, writeFile } from 'node:fs/promises';
import { openCheckpoint } from '../../toolkit/pytorch/containers/checkpoint.ts';
import { findStateDict } from '../../toolkit/pytorch/tensors/state-dict.ts';

/** Returns the bytes of a safetensors file with the given header and data. */
export function safetensorsBytes(header: object | string, data: Uint8Array): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

/** Adds a tensor of one int64 to a safetensors file. */
export async function addNumber(path: string, name: string, value: bigint): Promise<void> {
  const bytes = await readFile(path);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const data = bytes.subarray(start);
  const header: object = JSON.parse(bytes.toString('utf8', 8, start));
  const number = Buffer.alloc(8);
  number.writeBigInt64LE(value);
  const added = { [name]: { dtype: 'I64', shape: [], data_offsets: [data.length, data.length + number.length] } };
  await writeFile(path, safetensorsBytes({ ...header, ...added }, Buffer.concat([data, number])));
}

/** Writes the weights of a checkpoint as safetensors, in float32. @param prefix - Of the names. */
export async function writeAsSafetensors(checkpointPath: string, path: string, prefix = ''): Promise<void> {
  const checkpoint = await openCheckpoint(checkpointPath);
  try {
    const { tensors } = findStateDict(checkpoint.root) ?? { tensors: new Map() };
    const header: Record<string, object> = { __metadata__: { format: 'pt' } };
    const parts: Uint8Array[] = [];
    let end = 0;
    for (const [name, tensor] of tensors) {
      const values = await checkpoint.readFloat32(tensor);
      header[`${prefix}${name}`] = { dtype: 'F32', shape: tensor.shape, data_offsets: [end, end + values.byteLength] };
      parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      end += values.byteLength;
    }
    await writeFile(path, safetensorsBytes(header, Buffer.concat(parts)));
  } finally {
    await checkpoint.close();
  }
}
