import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { plainValue, readPlansFile } from '../../../../toolkit/nnunet/v1/plans.ts';
import type { PickleDict, PickleValue } from '../../../../toolkit/pytorch/pickle/value.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'nnunet');

function dict(entries: readonly (readonly [PickleValue, PickleValue])[]): PickleDict {
  return { kind: 'dict', entries: new Map(entries), attributes: undefined };
}

describe('readPlansFile', () => {
  it('reads plans as nnU-Net pickles them, with numpy arrays in lists', async () => {
    expect(await readPlansFile(join(FIXTURES, 'uneven', 'fold_0', 'model_best.model.pkl'))).toEqual({
      trainer: 'nnUNetTrainerV2_BN',
      patch: [32, 24],
      pools: [
        [2, 2],
        [2, 1],
        [1, 3],
      ],
      kernels: [
        [3, 3],
        [1, 3],
        [3, 1],
        [1, 1],
      ],
      baseFeatures: 2,
      modalities: 3,
      classes: 4,
      convPerStage: 3,
    });
  });
});

describe('plainValue', () => {
  it('keeps lists, tuples, text and numbers', () => {
    const list: PickleValue = { kind: 'list', items: [1, { kind: 'tuple', items: ['a', null, 7n] }, true] };
    expect(plainValue(dict([[0, list]]))).toEqual({ 0: [1, ['a', null, 7], true] });
  });

  it('arranges a numpy array along its axes', () => {
    const array = { kind: 'array', code: 'i8', data: BigInt64Array.of(2n, 1n, 2n, 2n, 1n, 3n) } as const;
    expect(plainValue({ ...array, shape: [3, 2] })).toEqual([
      [2, 1],
      [2, 2],
      [1, 3],
    ]);
    expect(plainValue({ ...array, shape: [6] })).toEqual([2, 1, 2, 2, 1, 3]);
  });

  it('handles a value that contains itself', () => {
    const items: PickleValue[] = [];
    items.push({ kind: 'list', items });
    expect(plainValue({ kind: 'list', items })).toBeDefined();
  });

  it('has no prototype that a key could reach', () => {
    const plain = plainValue(dict([['__proto__', 1]]));
    expect(Object.getPrototypeOf(plain)).toBeNull();
  });
});
