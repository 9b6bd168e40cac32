import { z } from 'zod';
import { LIMITS, type PickleContext } from '../pickle/pickle-context.ts';
import type { PickleDict, PickleValue } from '../pickle/value.ts';
import { type DType, ELEMENT_BYTES, type TensorRef } from '../tensors/tensor.ts';
import type { CheckpointContents, FileSource, StoredBytes } from './checkpoint.ts';

const LENGTH_BYTES = 8;
const OPENING_BRACE = 0x7b;
/** Far above the header of any model, which takes 100 bytes per tensor. */
const MAX_HEADER_BYTES = 16 * 2 ** 20;
const MAX_TENSORS = 100_000;

const DTYPES: ReadonlyMap<string, DType> = new Map([
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['F64', 'float64'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);

const Length = z.int().min(0);
const Described = z.strictObject({
  dtype: z.string(),
  shape: z.array(Length).max(LIMITS.axes),
  data_offsets: z.tuple([Length, Length]),
});
const Header = z.record(z.string(), z.unknown());
const Metadata = z.record(z.string(), z.string());

/** Returns whether a file starts like a safetensors file: eight bytes of length, then JSON. */
export function isSafetensors(head: Uint8Array): boolean {
  return head.length > LENGTH_BYTES && head[LENGTH_BYTES] === OPENING_BRACE && head[6] === 0 && head[7] === 0;
}

/**
 * Reads the header of a safetensors file. The file consists of a length (uint64), JSON with type, shape and position of
 * every tensor, and the data. As the format requires, tensors must cover the data without gaps or overlaps.
 *
 * @returns The tensors as a dict by name, each with its own storage.
 * @throws ReigniteError CHECKPOINT_CORRUPT; CHECKPOINT_UNSUPPORTED for element types that are not read.
 * @see https://github.com/huggingface/safetensors#format
 */
export function readSafetensors(source: FileSource, context: PickleContext): CheckpointContents {
  const [header, start] = readHeader(source, context);
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  if (entries.length > MAX_TENSORS) throw context.unsupported(`it has ${entries.length} tensors`);
  if (header['__metadata__'] !== undefined && !Metadata.safeParse(header['__metadata__']).success) {
    throw context.corrupt('its metadata are not texts by name');
  }
  const tensors = entries.map(([name, described]) => tensorOf(name, described, context));
  checkCover(tensors, source.byteLength - start, context);
  const storages = tensors.map(({ name, begin, tensor }): [string, StoredBytes] => [
    name,
    { offset: start + begin, byteLength: tensor.storage.byteLength, crc32: undefined },
  ]);
  const values = tensors.map(({ name, tensor }): [PickleValue, PickleValue] => [name, tensor]);
  const root: PickleDict = { kind: 'dict', entries: new Map(values), attributes: undefined };
  return { format: 'safetensors', root, globals: [], storages: new Map(storages) };
}

function readHeader(
  source: FileSource,
  context: PickleContext,
): readonly [header: Readonly<Record<string, unknown>>, start: number] {
  const length = Buffer.from(source.readSync(0, LENGTH_BYTES)).readBigUInt64LE();
  if (length > BigInt(source.byteLength - LENGTH_BYTES)) {
    throw context.corrupt(`its header has ${length} bytes, more than the file`);
  }
  if (length > MAX_HEADER_BYTES) throw context.unsupported(`its header has ${length} bytes`);
  const text = Buffer.from(source.readSync(LENGTH_BYTES, Number(length))).toString('utf8');
  const header = Header.safeParse(parseJson(text, context));
  if (!header.success) throw context.corrupt('its header is not an object');
  return [header.data, LENGTH_BYTES + Number(length)];
}

function parseJson(text: string, context: PickleContext): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw context.corrupt('its header is not JSON', error);
  }
}

interface PlacedTensor {
  readonly name: string;
  /** First byte, counted from the end of the header. */
  readonly begin: number;
  readonly tensor: TensorRef;
}

function tensorOf(name: string, described: unknown, context: PickleContext): PlacedTensor {
  const parsed = Described.safeParse(described);
  const shown = JSON.stringify(name.slice(0, 200));
  if (!parsed.success) throw context.corrupt(`the tensor ${shown} is not described as the format demands`);
  const { dtype: code, shape, data_offsets: offsets } = parsed.data;
  const [begin, end] = offsets;
  const dtype = DTYPES.get(code);
  if (dtype === undefined)
    throw context.unsupported(`the tensor ${shown} has elements of the type ${code.slice(0, 40)}`);
  const bytes = shape.reduce((product, axis) => product * BigInt(axis), BigInt(ELEMENT_BYTES[dtype]));
  if (BigInt(end) - BigInt(begin) !== bytes) {
    throw context.corrupt(
      `the tensor ${shown} of shape [${shape.join(', ')}] has ${end - begin} bytes instead of ${bytes}`,
    );
  }
  const byteLength = end - begin;
  const storage = { kind: 'storage', key: name, dtype, byteOffset: 0, byteLength, storedBytes: byteLength } as const;
  return { name, begin, tensor: { kind: 'tensor', dtype, shape, strides: stridesOf(shape), offset: 0, storage } };
}

function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  return strides;
}

function checkCover(tensors: readonly PlacedTensor[], length: number, context: PickleContext): void {
  let end = 0;
  const inOrder = [...tensors].sort(
    (a, b) => a.begin - b.begin || a.tensor.storage.byteLength - b.tensor.storage.byteLength,
  );
  for (const { name, begin, tensor } of inOrder) {
    if (begin !== end) {
      const fault = begin < end ? 'overlaps another' : `leaves ${begin - end} bytes without a tensor before it`;
      throw context.corrupt(`the tensor ${JSON.stringify(name.slice(0, 200))} ${fault}`);
    }
    end += tensor.storage.byteLength;
  }
  if (end !== length) throw context.corrupt(`its tensors take ${end} bytes; ${length} follow the header`);
}
