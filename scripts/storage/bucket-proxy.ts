import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { BucketFault } from '../../tests/support/fake-s3.ts';

/** Counts the requests and bytes of one client of a bucket. */
export interface BucketProxy {
  readonly port: number;
  /** How often an object was delivered completely, and its bytes, by path. */
  readonly delivered: Map<string, { times: number; bytes: number }>;
  /** Bytes sent to the bucket. */
  sent: number;
  requests: number;
  /** Decides which fault each request gets, if any. */
  fault: () => BucketFault | undefined;
  close(): void;
}

/**
 * Starts a proxy in front of an S3 server, which counts requests and injects faults.
 *
 * @param target - Port of the S3 server.
 * @param host - Address that it listens on.
 */
export async function startBucketProxy(target: number, host = '127.0.0.1'): Promise<BucketProxy> {
  const server = createServer((asked, response) => {
    answer(proxy, target, asked, response).catch(() => asked.socket.destroy());
  });
  const proxy: BucketProxy = {
    port: 0,
    delivered: new Map(),
    sent: 0,
    requests: 0,
    fault: () => undefined,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  return Object.assign(proxy, { port: typeof address === 'object' && address !== null ? address.port : 0 });
}

async function answer(
  proxy: BucketProxy,
  target: number,
  asked: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await bytesOf(asked);
  const fault = proxy.fault();
  proxy.requests += 1;
  const isRead = asked.method === 'GET' || asked.method === 'HEAD';
  if (fault === 'cut') return void asked.socket.destroy();
  if (fault === 403 || fault === 500 || fault === 503) return fail(response, fault);
  if (fault === 'stale' && isRead) return fail(response, 404);
  const { status, headers, content } = await forward(target, asked, body);
  if (asked.method === 'PUT') proxy.sent += body.length;
  if (fault === 'lost reply') return void asked.socket.destroy();
  response.writeHead(status, headers);
  if (fault === 'half' && content.length > 1) {
    response.write(content.subarray(0, content.length >> 1), () => asked.socket.destroy());
    return;
  }
  response.end(content);
  if (asked.method !== 'GET' || status !== 200) return;
  const path = (asked.url ?? '').split('?')[0] ?? '';
  const before = proxy.delivered.get(path) ?? { times: 0, bytes: 0 };
  proxy.delivered.set(path, { times: before.times + 1, bytes: before.bytes + content.length });
}

function forward(target: number, asked: IncomingMessage, body: Buffer) {
  return new Promise<{ status: number; headers: IncomingMessage['headers']; content: Buffer }>((resolve, reject) => {
    const options = { port: target, host: '127.0.0.1', method: asked.method, path: asked.url, headers: asked.headers };
    const onward = request(options, (reply) => {
      bytesOf(reply).then(
        (content) => resolve({ status: reply.statusCode ?? 500, headers: reply.headers, content }),
        reject,
      );
    });
    onward.on('error', reject);
    onward.end(body);
  });
}

function fail(response: ServerResponse, status: number): void {
  const code = { 403: 'AccessDenied', 404: 'NoSuchKey', 500: 'InternalError', 503: 'SlowDown' }[status] ?? 'Unknown';
  response.writeHead(status, { 'Content-Type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
