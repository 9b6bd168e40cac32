import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { findStateDict } from '../../../toolkit/pytorch/tensors/state-dict.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { safetensorsBytes } from '../../support/safetensors.ts';

async function open(header: object | string, data: Uint8Array) {
  const path = join(await temporaryFolder(), 'weights.safetensors');
  await writeFile(path, safetensorsBytes(header, data));
  return openCheckpoint(path);
}

const EIGHT = Uint8Array.of(0, 0, 128, 63, 0, 60, 7, 0);
const first = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };

describe('a safetensors file', () => {
  it('is read tensor by tensor, in any order and type', async () => {
    const header = {
      __metadata__: { format: 'pt' },
      half: { dtype: 'F16', shape: [1, 1], data_offsets: [4, 6] },
      first,
      bytes: { dtype: 'U8', shape: [2], data_offsets: [6, 8] },
      none: { dtype: 'F64', shape: [0, 3], data_offsets: [6, 6] },
      ['__proto__x']: { dtype: 'I8', shape: [0], data_offsets: [8, 8] },
    };
    const checkpoint = await open(header, EIGHT);
    const { tensors = new Map() } = findStateDict(checkpoint.root) ?? {};
    const read = async (name: string) => Array.from(await checkpoint.readFloat32(tensors.get(name)));
    expect([await read('first'), await read('half'), await read('bytes'), await read('none')]).toEqual([
      [1],
      [1],
      [7, 0],
      [],
    ]);
    expect(checkpoint).toMatchObject({ format: 'safetensors', globals: [] });
    await checkpoint.close();
  });

  it.each([
    ['its header is cut off', '{"a":', 'not JSON'],
    ['its header is a list in disguise', '{"a": []}', 'not described as the format demands'],
    ['a field is unknown', { a: { ...first, extra: 1 } }, 'not described'],
    ['a length is negative', { a: { ...first, shape: [-1] } }, 'not described'],
    ['a length is too large for a number', { a: { ...first, shape: [2 ** 53] } }, 'not described'],
    ['a product overflows', { a: { ...first, shape: [2 ** 52, 2 ** 52] } }, 'instead of'],
    ['the offsets run backwards', { a: { ...first, data_offsets: [8, 4] } }, 'instead of'],
    ['the bytes do not fit the shape', { a: { ...first, shape: [3] } }, 'has 4 bytes instead of 12'],
    ['two tensors overlap', { a: first, b: { ...first, shape: [2], data_offsets: [0, 8] } }, 'overlaps another'],
    ['two tensors are the same bytes', { a: first, b: first }, 'overlaps another'],
    ['there is a gap', { a: { ...first, data_offsets: [4, 8] } }, 'leaves 4 bytes without a tensor'],
    ['bytes follow the last tensor', { a: first }, 'its tensors take 4 bytes; 8 follow'],
    ['the numbers are cut off', { a: { dtype: 'F64', shape: [2], data_offsets: [0, 16] } }, 'take 16 bytes'],
    ['the metadata are not texts', { __metadata__: { a: 1 } }, 'metadata'],
  ])('is damaged where %s', async (_, header, reason) => {
    await expect(open(header, EIGHT)).rejects.toMatchObject({
      code: 'CHECKPOINT_CORRUPT',
      message: expect.stringContaining(reason),
    });
  });

  it('is rejected for unsupported types', async () => {
    await expect(open({ a: { ...first, dtype: 'F8_E4M3', shape: [4] } }, EIGHT)).rejects.toMatchObject({
      code: 'CHECKPOINT_UNSUPPORTED',
      message: expect.stringContaining('F8_E4M3'),
    });
  });

  it('is damaged if its header is longer than the file', async () => {
    const path = join(await temporaryFolder(), 'weights.safetensors');
    await writeFile(path, Buffer.concat([Buffer.from([255, 255, 255, 255, 255, 255, 0, 0]), Buffer.from('{}')]));
    await expect(openCheckpoint(path)).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' });
  });
});
