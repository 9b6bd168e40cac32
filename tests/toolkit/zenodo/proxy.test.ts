import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { fetchRecord } from '../../../toolkit/zenodo/record/record.ts';
import { faultServer } from '../../support/fault-server.ts';

/** A proxy that opens every tunnel to one test server, whatever host is asked for. */
async function proxyTo(url: string): Promise<{ url: string; asked: string[]; close(): void }> {
  const asked: string[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, client) => {
    asked.push(request.url ?? '');
    const server = connect(Number(new URL(url).port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    server.on('error', () => client.destroy());
    client.on('error', () => server.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { url: `http://127.0.0.1:${port}`, asked, close: () => proxy.close() };
}

beforeAll(() => {
  for (const name of ['http_proxy', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']) vi.stubEnv(name, undefined);
});
afterAll(() => {
  vi.unstubAllEnvs();
});

it('uses the proxy of the environment, except for this machine itself', async () => {
  const file = { key: 'a.txt', size: 1, checksum: `md5:${'0'.repeat(32)}` };
  const record = await faultServer((_, response) => response.end(JSON.stringify({ id: 7, files: [file] })));
  const proxy = await proxyTo(record.url);
  vi.stubEnv('HTTP_PROXY', proxy.url);
  await fetchRecord({ api: `${record.url}/api`, record: 7 });
  expect(proxy.asked).toEqual([]);
  await fetchRecord({ api: 'http://record.invalid/api', record: 7 });
  expect(proxy.asked).toEqual(['record.invalid:80']);
  expect(record.requests[1]?.headers.host).toBe('record.invalid');
  proxy.close();
});
