import { describe, expect, it } from 'vitest';
import { withStallLimit } from '../../toolkit/concurrency.ts';

describe('withStallLimit', () => {
  it('ends work that ignores its signal, but not work that makes progress', async () => {
    const deaf = withStallLimit(30, undefined, () => new Promise(() => {}));
    await expect(deaf).rejects.toThrow('no progress for 0.03 s');
    const moving = withStallLimit(200, undefined, async (_, alive) => {
      for (let k = 0; k < 8; k++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        alive();
      }
      return 'done';
    });
    expect(await moving).toBe('done');
  });

  it('passes on the abort of its signal, with the reason', async () => {
    const stop = new AbortController();
    let seen: AbortSignal | undefined;
    const deaf = withStallLimit(60_000, stop.signal, (signal) => {
      seen = signal;
      return new Promise(() => {});
    });
    const reason = new Error('enough');
    stop.abort(reason);
    await expect(deaf).rejects.toBe(reason);
    expect(seen?.aborted).toBe(true);
  });
});
