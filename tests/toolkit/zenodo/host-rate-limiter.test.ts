import { describe, expect, it } from 'vitest';
import { HostRateLimiter } from '../../../toolkit/zenodo/http/http.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const HOST = 'zenodo.example';

describe('rate limiter', () => {
  it('sends at most the allowed number of requests in any window, also after a restart', async () => {
    const folder = await temporaryFolder();
    const sent: number[] = [];
    for (let k = 0; k < 9; k++) {
      const leave = await new HostRateLimiter({ folder, requests: 3, windowMs: 300 }).enter(HOST);
      sent.push(Date.now());
      leave();
    }
    for (const [index, at] of sent.slice(3).entries()) expect(at - (sent[index] ?? 0)).toBeGreaterThanOrEqual(300);
  });

  it('allows only two open requests, and sends the third when one has ended', async () => {
    const rateLimiter = new HostRateLimiter({ folder: await temporaryFolder() });
    const leave = await rateLimiter.enter(HOST);
    await rateLimiter.enter(HOST);
    let isIn = false;
    const third = rateLimiter.enter(HOST).then(() => {
      isIn = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isIn).toBe(false);
    leave();
    leave();
    await third;
    await rateLimiter.enter('another.example');
  });

  it('sends nothing to a host that asked to wait, and says for how long', async () => {
    const folder = await temporaryFolder();
    new HostRateLimiter({ folder }).holdOff(HOST, 60_000);
    const error = new HostRateLimiter({ folder }).enter(HOST);
    await expect(error).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    await error.catch(({ retryAfterMs }) => expect(retryAfterMs).toBeGreaterThan(50_000));
  });

  it('stops waiting when aborted', async () => {
    const rateLimiter = new HostRateLimiter({ folder: await temporaryFolder(), connections: 1 });
    await rateLimiter.enter(HOST);
    await expect(rateLimiter.enter(HOST, AbortSignal.timeout(50))).rejects.toThrow();
  });
});
