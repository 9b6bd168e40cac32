import { CancelledFailure } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mapSettledConcurrent } from '../../workflows/concurrency.ts';

describe('mapSettledConcurrent', () => {
  it('runs everything once, in order of the items, never more than the width at a time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(5), { maxLength: 40 }), fc.integer({ min: 1, max: 6 }), async (items, width) => {
        let running = 0;
        let most = 0;
        const settled = await mapSettledConcurrent(items, width, async (item) => {
          running += 1;
          most = Math.max(most, running);
          for (let turn = 0; turn < item; turn++) await Promise.resolve();
          running -= 1;
          if (item === 3) throw new Error('three');
          return item * 2;
        });
        expect(most).toBeLessThanOrEqual(width);
        expect(settled.map((result) => (result.status === 'fulfilled' ? result.value : 'failed'))).toEqual(
          items.map((item) => (item === 3 ? 'failed' : item * 2)),
        );
      }),
    );
  });

  it('does not count a cancellation as a failed item', async () => {
    const work = async (item: number) => {
      if (item === 2) throw new CancelledFailure('stop');
      return item;
    };
    await expect(mapSettledConcurrent([1, 2, 3], 1, work)).rejects.toThrow('stop');
  });
});
