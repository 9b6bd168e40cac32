import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { asTensor, dictGet, locate } from '../../../toolkit/pytorch/pickle/value.ts';
import { bytes, expectRejection, fixture, little, text } from './helpers.ts';
import { type StoredEntry, storedZip } from './stored-zip.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reignite-zip-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `{'w': tensor of 2 float32}` in storage 0. */
const PICKLE = bytes(
  ...['}', text('w'), 'ctorch._utils\n_rebuild_tensor_v2\n((', text('storage'), 'ctorch\nFloatStorage\n', text('0')],
  ...[text('cpu'), 'K\x02tQK\x00K\x02\x85K\x01\x85\x89NtRs.'],
);
const DATA: StoredEntry = { name: 'm/data.pkl', content: PICKLE };
const STORAGE: StoredEntry = { name: 'm/data/0', content: bytes(little(0x3f800000, 4), little(0x40000000, 4)) };

async function opened(entries: readonly StoredEntry[]) {
  const path = join(folder, 'model.pt');
  await writeFile(path, storedZip(entries));
  return openCheckpoint(path);
}

async function valuesOf(entries: readonly StoredEntry[]): Promise<number[]> {
  const checkpoint = await opened(entries);
  try {
    const tensor = asTensor(dictGet(locate(checkpoint.root, checkpoint.path, 'CHECKPOINT_CORRUPT'), 'w'));
    return Array.from(await checkpoint.readFloat32(tensor));
  } finally {
    await checkpoint.close();
  }
}

describe('the zip of a checkpoint', () => {
  it.each<[string, readonly StoredEntry[]]>([
    ['without notes', [DATA, STORAGE]],
    [
      'with its notes',
      [DATA, { name: 'm/byteorder', content: 'little' }, STORAGE, { name: 'm/version', content: '3\n' }],
    ],
    [
      'with entries that are not asked for',
      [{ name: 'm/', content: '' }, DATA, STORAGE, { name: 'm/.data/id', content: 'x' }],
    ],
  ])('is read %s', async (_, entries) => expect(await valuesOf(entries)).toEqual([1, 2]));

  it.each<[string, readonly StoredEntry[], string]>([
    ['a name that leaves the folder', [DATA, STORAGE, { name: 'm/../x', content: '' }], 'zip directory is wrong'],
    ['an absolute name', [DATA, STORAGE, { name: '/m/x', content: '' }], 'zip directory is wrong'],
    ['a backslash', [DATA, STORAGE, { name: 'm\\x', content: '' }], 'zip directory is wrong'],
    ['a name with a dot', [DATA, STORAGE, { name: 'm/./x', content: '' }], 'not named as PyTorch does'],
    ['a name with an empty part', [DATA, STORAGE, { name: 'm//x', content: '' }], 'not named as PyTorch does'],
    ['a name outside the folder', [DATA, STORAGE, { name: 'x', content: '' }], 'not named as PyTorch does'],
    ['two root folders', [DATA, STORAGE, { name: 'n/x', content: '' }], 'two root folders, m and n'],
    ['an entry twice', [DATA, STORAGE, DATA], 'occurs twice'],
    ['no pickle', [STORAGE], 'no entry data.pkl'],
    ['no storage', [DATA], 'no entry data/0'],
    ['a storage of another size', [DATA, { ...STORAGE, content: 'abc' }], 'has 3 bytes, 8 are announced'],
    ['a pickle with a wrong CRC-32', [{ ...DATA, crc: 1 }, STORAGE], 'data.pkl does not match its CRC-32'],
    ['a size beyond the file', [{ ...DATA, size: 1e6 }, STORAGE], 'size that cannot be'],
    ['another name in the local header', [DATA, { ...STORAGE, localName: 'm/data/1' }], 'headers of its entry'],
    ['bytes behind the pickle', [{ ...DATA, content: bytes(PICKLE, 'N.') }, STORAGE], '2 bytes follow the pickle'],
    ['an unknown byte order', [DATA, STORAGE, { name: 'm/byteorder', content: 'middle' }], '"middle"'],
    ['a name that only an extra field has', [DATA, { ...STORAGE, name: 'm/\xe9' }], 'not named as PyTorch does'],
    ['a version that is none', [DATA, STORAGE, { name: 'm/version', content: 'x' }], 'its version is "x"'],
  ])('is refused for %s', async (_, entries, message) =>
    expectRejection(opened(entries), 'CHECKPOINT_CORRUPT', message),
  );

  it.each<[string, readonly StoredEntry[], string]>([
    ['a compressed entry', [{ ...DATA, method: 8 }, STORAGE], 'is compressed'],
    ['an encrypted entry', [{ ...DATA, flags: 1 }, STORAGE], 'is encrypted'],
    ['big-endian numbers', [DATA, STORAGE, { name: 'm/byteorder', content: 'big' }], 'big-endian'],
    ['a newer version', [DATA, STORAGE, { name: 'm/version', content: '99' }], 'its version is 99'],
    ['a TorchScript program', [DATA, STORAGE, { name: 'm/constants.pkl', content: 'N.' }], 'TorchScript'],
    ['a program of torch.export', [{ name: 'serialized_exported_program.json', content: '{}' }], 'torch.export'],
    ['an endless note', [DATA, STORAGE, { name: 'm/version', content: '1'.repeat(99) }], 'more than 64'],
  ])('is not supported with %s', async (_, entries, message) =>
    expectRejection(opened(entries), 'CHECKPOINT_UNSUPPORTED', message),
  );

  it('is rejected for a dangerous import unless it is only inspected', async () => {
    const path = join(folder, 'evil.pt');
    await writeFile(path, storedZip([{ name: 'm/data.pkl', content: bytes('cos\nsystem\n', text('true'), '\x85R.') }]));
    await expectRejection(openCheckpoint(path), 'CHECKPOINT_UNSAFE', /evil\.pt imports os\.system/);
    const checkpoint = await openCheckpoint(path, { inspect: true });
    expect(checkpoint.globals).toEqual([{ module: 'os', name: 'system', verdict: 'dangerous', position: 0 }]);
    await checkpoint.close();
  });

  it('compares a storage with its CRC-32 when it is read', async () => {
    await expectRejection(valuesOf([DATA, { ...STORAGE, crc: 1 }]), 'CHECKPOINT_CORRUPT', /Storage 0 of .*CRC-32/);
  });
});

describe('a directory that points nowhere', () => {
  const END_BYTES = 22;
  const write = async (locator: Uint8Array) => {
    const whole = storedZip([DATA, STORAGE]);
    const path = join(folder, 'astray.pt');
    await writeFile(path, bytes(whole.subarray(0, -END_BYTES), locator, whole.subarray(-END_BYTES)));
    return path;
  };

  it.each([2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])('is rejected for the zip64 offset %s', async (offset) => {
    const path = await write(bytes('PK\x06\x07', little(0, 4), little(offset, 8), little(1, 4)));
    await expectRejection(openCheckpoint(path), 'CHECKPOINT_CORRUPT', 'beyond the end of the file');
  });

  it('is rejected for a directory offset beyond the file', async () => {
    const whole = storedZip([DATA, STORAGE]);
    const path = join(folder, 'astray.pt');
    await writeFile(path, bytes(whole.subarray(0, -6), little(-1, 4), whole.subarray(-2)));
    await expectRejection(openCheckpoint(path), 'CHECKPOINT_CORRUPT', 'beyond the end of the file');
  });
});

describe.each<[string, () => Promise<Uint8Array>]>([
  ['a zip', async () => storedZip([DATA, STORAGE])],
  ['a stream', () => readFile(fixture('tiny.stream.pt'))],
])('%s', (_, content) => {
  it('is rejected if truncated at any length', async () => {
    const whole = await content();
    const path = join(folder, 'cut.pt');
    await writeFile(path, whole);
    await (await openCheckpoint(path)).close();
    for (let length = whole.byteLength - 1; length >= 0; length--) {
      await truncate(path, length);
      await expectRejection(openCheckpoint(path), 'CHECKPOINT_CORRUPT', path);
    }
  });

  it('is rejected with data after its end', async () => {
    const path = join(folder, 'longer.pt');
    await writeFile(path, bytes(await content(), 'x'));
    await expectRejection(openCheckpoint(path), 'CHECKPOINT_CORRUPT', path);
  });
});
