import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { httpGet } from '../../../toolkit/zenodo/http/http.ts';

const URL_BEHIND_PROXY = 'https://record.invalid/api/records/7';

/** Accepts connections, reads what is asked and says nothing. */
const proxy = createServer((socket) => {
  sockets.push(socket);
  socket.on('error', () => {});
  socket.on('data', (chunk) => asked.push(chunk.toString('latin1').split('\r\n', 1).join()));
});
const sockets: Socket[] = [];
const asked: string[] = [];

beforeAll(async () => {
  for (const name of ['HTTP_PROXY', 'http_proxy', 'https_proxy', 'NO_PROXY', 'no_proxy']) vi.stubEnv(name, undefined);
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`);
});
afterAll(() => {
  vi.unstubAllEnvs();
  for (const socket of sockets) socket.destroy();
  proxy.close();
});

describe('httpGet through a proxy that accepts and is silent', () => {
  it('gives up within the given time', async () => {
    await expect(httpGet({ url: URL_BEHIND_PROXY, stallMs: 300 })).rejects.toMatchObject({
      code: 'NETWORK',
      message: `No complete answer from ${URL_BEHIND_PROXY}: no progress for 0.3 s.`,
    });
    expect(asked).toEqual(['CONNECT record.invalid:443 HTTP/1.1']);
  });

  it('ends with the reason of an abort, before and while it waits', async () => {
    const reason = new Error('enough');
    const before = httpGet({ url: URL_BEHIND_PROXY, signal: AbortSignal.abort(reason) });
    await expect(before).rejects.toBe(reason);
    const stop = new AbortController();
    const waiting = httpGet({ url: URL_BEHIND_PROXY, signal: stop.signal });
    setTimeout(() => stop.abort(reason), 100);
    await expect(waiting).rejects.toBe(reason);
  });
});
