import type { Checkpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { isPickleObject, type NumpyArray, type PickleValue } from '../../../toolkit/pytorch/pickle/value.ts';

/** A value in the form that make_fixtures.py writes. `open` reads tensors. */
export async function asJson(value: PickleValue, open?: Checkpoint): Promise<unknown> {
  if (typeof value === 'bigint') return { bigint: value.toString() };
  if (typeof value === 'number') return number(value);
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  if (!isPickleObject(value)) return value;
  const each = (items: Iterable<PickleValue>) => Promise.all(Array.from(items, (item) => asJson(item, open)));
  switch (value.kind) {
    case 'list':
    case 'tuple':
      return { [value.kind]: await each(value.items) };
    case 'set':
      return { set: (await each(value.items)).sort() };
    case 'dict':
      return { dict: await Promise.all(Array.from(value.entries, (entry) => each(entry))) };
    case 'array':
      return { array: value.code, shape: value.shape, values: await each(elements(value)) };
    case 'tensor': {
      if (open === undefined) throw new Error('no checkpoint to read a tensor from');
      return { tensor: value.dtype, shape: value.shape, values: Array.from(await open.readFloat32(value), number) };
    }
    default:
      throw new Error(`a ${value.kind} has no JSON`);
  }
}

function elements({ code, data }: NumpyArray): PickleValue[] {
  if (code === 'b1') return Array.from(data, (element) => element !== 0);
  return Array.from(data, (element) =>
    typeof element === 'bigint' && Number.isSafeInteger(Number(element)) ? Number(element) : element,
  );
}

function number(value: number): unknown {
  if (Number.isFinite(value)) return value;
  return { special: Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf' };
}
