import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllEnvs();
});

it.each(['http', 'https'])('gives up on a proxy for %s that hangs up, and leaves it alone', async (scheme) => {
  let asked = 0;
  const proxy = createServer().on('connect', (_, client) => {
    asked += 1;
    client.destroy();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy'])
    vi.stubEnv(name, undefined);
  vi.stubEnv(`${scheme.toUpperCase()}_PROXY`, `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  vi.resetModules();
  const { fetchRecord } = await import('../../../toolkit/zenodo/record/record.ts');
  const asking = fetchRecord({ api: `${scheme}://record.invalid/api`, record: 7 });
  await expect(asking).rejects.toMatchObject({ code: 'NETWORK', message: expect.stringContaining('record.invalid') });
  const before = asked;
  await sleep(500);
  expect([before, asked]).toEqual([1, 1]);
  proxy.close();
});
