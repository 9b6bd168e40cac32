/** Plain Python values. Keys of dicts that look like numbers become numbers, as in nnU-Net's plans. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** Pickles plain values, protocol 2. */
export function pickled(value: Plain): Buffer {
  return Buffer.concat([Buffer.from([0x80, 2]), encode(value), Buffer.from('.')]);
}

function encode(value: Plain): Buffer {
  if (value === null) return Buffer.from('N');
  if (typeof value === 'boolean') return Buffer.from([value ? 0x88 : 0x89]);
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    const head = Buffer.from('X\0\0\0\0');
    head.writeUInt32LE(text.length, 1);
    return Buffer.concat([head, text]);
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(Number.isInteger(value) ? 5 : 9);
    bytes.write(Number.isInteger(value) ? 'J' : 'G');
    if (Number.isInteger(value)) bytes.writeInt32LE(value, 1);
    else bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (isList(value)) return Buffer.concat([Buffer.from(']('), ...value.map(encode), Buffer.from('e')]);
  const entries = Object.entries(value).flatMap(([key, of]) => [
    encode(/^\d+$/.test(key) ? Number(key) : key),
    encode(of),
  ]);
  return Buffer.concat([Buffer.from('}('), ...entries, Buffer.from('u')]);
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}
