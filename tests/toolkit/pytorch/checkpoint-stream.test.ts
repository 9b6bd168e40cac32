import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { asTensor, dictGet, locate } from '../../../toolkit/pytorch/pickle/value.ts';
import { bytes, expectRejection, little, text } from './helpers.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reignite-stream-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const MAGIC = '\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.';
const PROTOCOL = 'M\xe9\x03.';
const SYSTEM = bytes('}', text('little_endian'), '\x88s.');
const storage = (key: string, view: string | Uint8Array = 'N') =>
  bytes('(', text('storage'), 'ctorch\nFloatStorage\n', text(key), text('cpu'), 'K\x03', view, 'tQ');
const tensor = (from: Uint8Array, length: string) =>
  bytes('ctorch._utils\n_rebuild_tensor_v2\n(', from, `K\x00K${length}\x85K\x01\x85\x89NtR`);
const OBJECT = bytes('}', text('w'), tensor(storage('7'), '\x03'), 's.');
const KEYS = bytes(']', text('7'), 'a.');
const FLOATS = bytes(Buffer.from(new Float32Array([1, 2, 3]).buffer));
const CONTENT = bytes(little(3, 8), FLOATS);

async function opened(...parts: readonly (string | Uint8Array)[]) {
  const path = join(folder, 'model.pt');
  await writeFile(path, bytes(...parts));
  return openCheckpoint(path);
}

async function valuesOf(...parts: readonly (string | Uint8Array)[]): Promise<number[]> {
  const checkpoint = await opened(...parts);
  try {
    const tensor = asTensor(dictGet(locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_CORRUPT'), 'w'));
    return Array.from(await checkpoint.readFloat32(tensor));
  } finally {
    await checkpoint.close();
  }
}

describe('the older checkpoint format', () => {
  it('is read', async () => expect(await valuesOf(MAGIC, PROTOCOL, SYSTEM, OBJECT, KEYS, CONTENT)).toEqual([1, 2, 3]));

  it('returns the view of a storage that its ID describes', async () => {
    const viewed = storage('7', bytes(text('8'), 'K\x01K\x02\x87'));
    const object = bytes('}', text('w'), tensor(viewed, '\x02'), 's.');
    expect(await valuesOf(MAGIC, PROTOCOL, SYSTEM, object, KEYS, CONTENT)).toEqual([2, 3]);
  });

  it.each<[string, readonly (string | Uint8Array)[], string]>([
    ['no byte order', ['}.', OBJECT, KEYS, CONTENT], 'byte order'],
    ['a key that is not asked for', [SYSTEM, OBJECT, bytes(']', text('8'), 'a.'), CONTENT], 'storage 8 is listed'],
    ['a key twice', [SYSTEM, OBJECT, bytes('](', text('7'), text('7'), 'e.'), CONTENT, CONTENT], 'storage 7 is listed'],
    ['a missing key', [SYSTEM, OBJECT, '].'], 'missing from its list'],
    ['keys that are not texts', [SYSTEM, OBJECT, ']K\x07a.', CONTENT], 'not a list of texts'],
    ['another count', [SYSTEM, OBJECT, KEYS, little(4, 8), FLOATS], 'has 4 elements'],
    ['a negative count', [SYSTEM, OBJECT, KEYS, little(-3, 8), FLOATS], 'has -3 elements'],
    ['a storage cut off', [SYSTEM, OBJECT, KEYS, CONTENT.subarray(0, 19)], 'ends within storage 7'],
    ['bytes at the end', [SYSTEM, OBJECT, KEYS, CONTENT, 'x'], '1 bytes follow'],
  ])('is refused for %s', async (_, parts, message) =>
    expectRejection(opened(MAGIC, PROTOCOL, ...parts), 'CHECKPOINT_CORRUPT', message),
  );

  it('is not supported with another protocol or big-endian numbers', async () => {
    await expectRejection(opened(MAGIC, 'K\x01.'), 'CHECKPOINT_UNSUPPORTED', 'protocol');
    const big = bytes('}', text('little_endian'), '\x89s.');
    await expectRejection(opened(MAGIC, PROTOCOL, big, OBJECT), 'CHECKPOINT_UNSUPPORTED', 'big-endian');
  });

  it('rejects anything but a checkpoint', async () => {
    await expectRejection(opened('GIF89a'), 'CHECKPOINT_CORRUPT', 'model.pt');
    await expectRejection(opened(''), 'CHECKPOINT_CORRUPT', 'model.pt');
    await expectRejection(opened('N.N.'), 'CHECKPOINT_CORRUPT', '2 bytes follow the pickle');
  });
});
