import { describe, expect, it } from 'vitest';
import { evaluateHe, type RoiMasks } from '../../../toolkit/metrics/he-metrics.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const first: RoiMasks = { roi: 'a', width: 2, height: 2, truth: bytes(4, 4, 5, 255), prediction: bytes(4, 5, 5, 4) };
const second: RoiMasks = { roi: 'b', width: 1, height: 2, truth: bytes(4, 0), prediction: bytes(4, 4) };

describe('evaluateHe', () => {
  it('returns the matrix of every ROI and their sum', async () => {
    const done: number[] = [];
    const { rois, total } = await evaluateHe([first, second], { onProgress: (count) => done.push(count) });
    expect(rois.map(({ roi, confusion }) => [roi, confusion.total()])).toEqual([
      ['a', 3],
      ['b', 2],
    ]);
    expect([total.at(4, 4), total.at(4, 5), total.at(5, 5), total.at(0, 4), total.total()]).toEqual([2, 1, 1, 1, 5]);
    expect(done).toEqual([1, 2]);
  });

  it('reads one ROI at a time', async () => {
    let open = 0;
    async function* lazily() {
      for (const roi of [first, second]) {
        open++;
        expect(open).toBe(1);
        yield roi;
        open--;
      }
    }
    expect((await evaluateHe(lazily())).total.total()).toBe(5);
  });

  it('returns zeros without ROIs', async () => {
    expect((await evaluateHe([])).total.total()).toBe(0);
  });

  it('names the ROI whose masks differ in size', async () => {
    const wrong = { ...second, prediction: bytes(4, 4, 4) };
    await expect(evaluateHe([first, wrong])).rejects.toMatchObject({
      code: 'SIZE_MISMATCH',
      message: 'The prediction of b has 3 px, its annotation is 1 x 2 px.',
    });
  });

  it('stops when aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(evaluateHe([first], { signal })).rejects.toThrow('enough');
  });
});
