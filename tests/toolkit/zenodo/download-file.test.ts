import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { processTableId } from '../../../toolkit/files/process-identity.ts';
import { downloadFile } from '../../../toolkit/zenodo/download/download-file.ts';
import { type Answer, faultServer } from '../../support/fault-server.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, k) => (k * k + (k >> 8)) & 0xff));
const MD5 = createHash('md5').update(BYTES).digest('hex');
const SHA256 = createHash('sha256').update(BYTES).digest('hex');
const SIZE = BYTES.length;

/** Knows where the bytes are going, so that it can wait for them to arrive. */
type AnswerFor = (...args: [...Parameters<Answer>, part: string]) => void;

/** A place for the file, and a download into it from a server that answers so. */
async function prepared(answer: AnswerFor, file = { size: SIZE, md5: MD5 }) {
  const folder = await temporaryFolder();
  const path = join(folder, 'images.zip');
  const { url, requests } = await faultServer((request, response, n) => answer(request, response, n, `${path}.part`));
  const download = (more: { stallMs?: number; signal?: AbortSignal; onProgress?: (bytes: number) => void } = {}) =>
    downloadFile({ url: `${url}/images.zip`, path, ...file, stallMs: 5_000, ...more });
  return { folder, path, requests, download, ranges: () => requests.map(({ headers }) => headers.range) };
}

/** Sends the file as a good server does, or the part of it that is asked for. */
const wellBehaved: Answer = (request, response) => {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1);
  if (from < 0) response.writeHead(200, { 'content-length': SIZE }).end(BYTES);
  else sendRest(response, from);
};

function sendRest(response: ServerResponse, from: number): void {
  response
    .writeHead(206, { 'content-length': SIZE - from, 'content-range': `bytes ${from}-${SIZE - 1}/${SIZE}` })
    .end(BYTES.subarray(from));
}

/** Begins the whole file and drops the connection when `length` bytes are on disk. */
function cutAfter(response: ServerResponse, part: string, length: number, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-length': SIZE, ...headers });
  response.write(BYTES.subarray(0, length));
  dropWhen(response, part, length);
}

/** Data that is still under way when a connection is dropped is lost: so wait until it has arrived. */
function dropWhen(response: ServerResponse, part: string, length: number): void {
  const timer = setInterval(() => {
    if (!existsSync(part) || statSync(part).size < length) return;
    clearInterval(timer);
    response.destroy();
  }, 5);
}

describe('downloadFile', () => {
  it('downloads a file, and leaves nothing else', async () => {
    const { folder, path, download, requests } = await prepared(wellBehaved);
    const lengths: number[] = [];
    const done = await download({ onProgress: (bytes) => lengths.push(bytes) });
    expect(done).toEqual({ path, size: SIZE, md5: MD5, sha256: SHA256, resumedFrom: 0 });
    expect(BYTES.equals(await readFile(path))).toBe(true);
    expect(await readdir(folder)).toEqual(['images.zip']);
    expect(requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' });
    expect(requests[0]?.headers.range).toBeUndefined();
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
    expect(lengths.at(-1)).toBe(SIZE);
  });

  it('downloads an empty file', async () => {
    const empty = { size: 0, md5: createHash('md5').digest('hex') };
    const { path, download } = await prepared((_, response) => response.writeHead(200).end(), empty);
    expect(await download()).toMatchObject({ size: 0 });
    expect(await readFile(path)).toHaveLength(0);
  });

  it('resumes after a lost connection, and requests the same version', async () => {
    const { folder, path, download, requests } = await prepared((request, response, n, part) =>
      n === 1 ? cutAfter(response, part, 100_000, { etag: '"md5:x"' }) : wellBehaved(request, response, n),
    );
    await expect(download()).rejects.toMatchObject({ code: 'NETWORK', retryable: true });
    expect(existsSync(path)).toBe(false);
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 100_000 });
    expect(requests[1]?.headers).toMatchObject({ range: 'bytes=100000-', 'if-range': '"md5:x"' });
    expect(await readdir(folder)).toEqual(['images.zip']);
  });

  it('accepts the whole file from a server that ignores Range', async () => {
    const { download } = await prepared((_, response, n, part) =>
      n === 1 ? cutAfter(response, part, 1000) : response.writeHead(200).end(BYTES),
    );
    await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 0 });
  });

  it.each([
    ['another start', `bytes 999-${SIZE - 1}/${SIZE}`],
    ['another total', `bytes 1000-${SIZE - 1}/${SIZE + 1}`],
    ['no range at all', undefined],
  ])('does not trust a 206 with %s, and keeps the bytes for another try', async (_, range) => {
    const { download, ranges } = await prepared((request, response, n, part) => {
      if (n === 1) return cutAfter(response, part, 1000);
      if (n > 2) return wellBehaved(request, response, n);
      response.writeHead(206, range === undefined ? {} : { 'content-range': range }).end(BYTES.subarray(1000));
    });
    for (const _attempt of [1, 2]) await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 1000 });
    expect(ranges()).toEqual([undefined, 'bytes=1000-', 'bytes=1000-']);
  });

  it('keeps the bytes if a web page comes instead of the rest', async () => {
    const { path, download, ranges } = await prepared((request, response, n, part) => {
      if (n === 1) cutAfter(response, part, 100_000);
      else if (n === 2) response.writeHead(200).end('<!DOCTYPE html><h1>Please log in</h1>');
      else wellBehaved(request, response, n);
    });
    await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    await expect(download()).rejects.toMatchObject({ message: expect.stringContaining('web page') });
    expect(statSync(`${path}.part`).size).toBe(100_000);
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 100_000 });
    expect(ranges()).toEqual([undefined, 'bytes=100000-', 'bytes=100000-']);
  });

  it('starts again if the rest is of another version', async () => {
    const { download } = await prepared((request, response, n, part) => {
      if (n === 1) return cutAfter(response, part, 1000, { etag: '"one"' });
      if (n > 2) return wellBehaved(request, response, n);
      response.setHeader('etag', '"two"');
      sendRest(response, 1000);
    });
    for (const _attempt of [1, 2]) await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 0 });
  });

  it('starts again after 416 three times in a row, not before', async () => {
    const { download, ranges } = await prepared((request, response, n, part) => {
      if (n === 1) return cutAfter(response, part, 1000);
      if (n <= 4) return response.writeHead(416, { 'content-range': `bytes */${SIZE}` }).end();
      return wellBehaved(request, response, n);
    });
    for (const _attempt of [1, 2, 3, 4]) await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 0 });
    expect(ranges()).toEqual([undefined, ...Array(3).fill('bytes=1000-'), undefined]);
  });

  it('requests the rest if a length was wrong', async () => {
    const { download, ranges } = await prepared((request, response, n) =>
      n === 1
        ? response.writeHead(200, { 'content-length': 1000 }).end(BYTES.subarray(0, 1000))
        : wellBehaved(request, response, n),
    );
    expect(await download()).toMatchObject({ sha256: SHA256 });
    expect(ranges()).toEqual([undefined, 'bytes=1000-']);
  });

  it('requests the rest again if a 206 is too short', async () => {
    const { download, ranges } = await prepared((request, response, n, part) => {
      if (n === 1) return cutAfter(response, part, 1000);
      if (n > 2) return wellBehaved(request, response, n);
      response.writeHead(206, { 'content-range': `bytes 1000-1999/${SIZE}` }).end(BYTES.subarray(1000, 2000));
    });
    await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 1000 });
    expect(ranges()).toEqual([undefined, 'bytes=1000-', 'bytes=2000-']);
  });

  it('needs no server if all bytes are present', async () => {
    const { path, download, requests } = await prepared(wellBehaved);
    await writeFile(`${path}.part`, BYTES);
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: SIZE });
    expect(requests).toHaveLength(0);
  });

  it('downloads again from the start if a resumed file is wrong', async () => {
    const { folder, path, download, ranges } = await prepared(wellBehaved);
    await writeFile(`${path}.part`, Buffer.alloc(500));
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 0 });
    expect(ranges()).toEqual(['bytes=500-', undefined]);
    expect(await readdir(folder)).toEqual(['images.zip']);
  });

  it.each([
    ['of another file', JSON.stringify({ url: 'u', size: SIZE, md5: 'f'.repeat(32) }), 500],
    ['too long', '{', SIZE + 1],
  ])('does not build on a partial file that is %s', async (_, state, length) => {
    const { path, download, ranges } = await prepared(wellBehaved);
    await writeFile(`${path}.part`, Buffer.alloc(length));
    await writeFile(`${path}.part.json`, state);
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 0 });
    expect(ranges()).toEqual([undefined]);
  });

  it('completes after one damaged transfer', async () => {
    const damaged = Buffer.from(BYTES).fill(0, 5, 9);
    const { download, requests } = await prepared((_, response, n) => response.end(n === 1 ? damaged : BYTES));
    expect(await download()).toMatchObject({ sha256: SHA256 });
    expect(requests).toHaveLength(2);
  });

  it.each([
    ['damaged', Buffer.from(BYTES).fill(0, 5, 9)],
    ['longer', Buffer.concat([BYTES, BYTES])],
    ['shorter', BYTES.subarray(0, 70_000)],
    ['empty', Buffer.alloc(0)],
  ])('keeps the evidence when the file is %s every time', async (_, bytes) => {
    const { folder, path, download, requests } = await prepared((__, response) => response.end(bytes));
    await expect(download()).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      retryable: false,
      message: expect.stringContaining(MD5),
    });
    expect(requests.length).toBeLessThanOrEqual(4);
    expect(await readdir(folder)).toEqual(['images.zip.corrupt']);
    expect(bytes.subarray(0, SIZE + 1).equals(await readFile(`${path}.corrupt`))).toBe(true);
  });

  it('keeps an existing correct file', async () => {
    const { path, download, requests } = await prepared(wellBehaved);
    await writeFile(path, BYTES);
    expect(await download()).toEqual({ path, size: SIZE, md5: MD5, sha256: SHA256, resumedFrom: SIZE });
    expect(requests).toHaveLength(0);
  });

  it('removes what a process left that was killed just after the file got its name', async () => {
    const { folder, path, requests, download } = await prepared(wellBehaved);
    await writeFile(path, BYTES);
    await writeFile(`${path}.part.json`, '{}');
    const gone = { host: 'here', pid: 1, startTime: 'long ago', since: '', nonce: '', table: processTableId() };
    await writeFile(`${path}.part.lock`, JSON.stringify(gone));
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: SIZE });
    expect(await readdir(folder)).toEqual(['images.zip']);
    expect(requests).toEqual([]);
  });

  it('moves an existing wrong file aside, each time to another name', async () => {
    const { folder, path, download } = await prepared(wellBehaved);
    for (const wrong of [Buffer.from('mine'), Buffer.alloc(SIZE)]) {
      await writeFile(path, wrong);
      expect(await download()).toMatchObject({ sha256: SHA256 });
    }
    expect((await readdir(folder)).sort()).toEqual(['images.zip', 'images.zip.wrong-1', 'images.zip.wrong-2']);
    expect(await readFile(`${path}.wrong-1`, 'utf8')).toBe('mine');
  });

  it('does not mistake the end of a connection for the end of the file', async () => {
    const { download, ranges } = await prepared((request, response, n) => {
      if (n > 1) return wellBehaved(request, response, n);
      // As HTTP/1.0 did: no length, no chunks.
      response.socket?.end(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), BYTES.subarray(0, 5000)]));
    });
    await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 5000 });
    expect(ranges()).toEqual([undefined, 'bytes=5000-']);
  });

  it('gives up on a server that falls silent, and keeps the bytes', async () => {
    const { path, download } = await prepared((_, response) => {
      response.writeHead(200, { 'content-length': SIZE });
      response.write(BYTES.subarray(0, 1000));
    });
    await expect(download({ stallMs: 200 })).rejects.toMatchObject({ code: 'NETWORK' });
    expect((await readFile(`${path}.part`)).length).toBe(1000);
  });

  it('stops when aborted, and keeps the bytes', async () => {
    const { path, download } = await prepared((_, response) => {
      response.writeHead(200, { 'content-length': SIZE });
      response.write(BYTES.subarray(0, 1000));
    });
    const abort = new AbortController();
    const reason = new Error('enough');
    const onProgress = (bytes: number) => bytes === 1000 && abort.abort(reason);
    await expect(download({ signal: abort.signal, onProgress })).rejects.toBe(reason);
    expect((await readFile(`${path}.part`)).length).toBe(1000);
  });

  it('decodes an encoding that it did not request', async () => {
    const { download } = await prepared((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(BYTES)),
    );
    expect(await download()).toMatchObject({ sha256: SHA256 });
  });

  it('keeps a compressed file that is labelled as if the server had compressed it', async () => {
    const zipped = gzipSync(BYTES);
    const file = { size: zipped.length, md5: createHash('md5').update(zipped).digest('hex') };
    const { path, download } = await prepared(
      (_, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': zipped.length }).end(zipped),
      file,
    );
    await download();
    expect(zipped.equals(await readFile(path))).toBe(true);
  });

  it('does not append an encoded rest to the file', async () => {
    const { download } = await prepared((request, response, n, part) => {
      if (n === 1) return cutAfter(response, part, 1000);
      if (request.headers.range === undefined) return wellBehaved(request, response, n);
      response.setHeader('content-encoding', 'gzip');
      sendRest(response, 1000);
    });
    for (const _attempt of [1, 2, 3, 4]) await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 0 });
  });

  it.each([
    ['that says so', { 'content-type': 'text/html; charset=utf-8' }],
    ['that says nothing', {}],
  ])('does not accept a web page %s as the file', async (_, headers: Record<string, string>) => {
    const { folder, path, download } = await prepared((request, response, n) =>
      n === 1
        ? response.writeHead(200, headers).end('<!DOCTYPE html><h1>Please log in</h1>')
        : wellBehaved(request, response, n),
    );
    await expect(download()).rejects.toMatchObject({ code: 'NETWORK', message: expect.stringContaining('web page') });
    expect(existsSync(path)).toBe(false);
    expect(await download()).toMatchObject({ sha256: SHA256, resumedFrom: 0 });
    expect(await readdir(folder)).toEqual(['images.zip']);
  });

  it('hashes a large file while it is written, also one that is restarted', async () => {
    const large = Buffer.alloc(17 * 2 ** 20, BYTES);
    const md5 = createHash('md5').update(large).digest('hex');
    const damaged = Buffer.from(large).fill(0, 5_000_000, 5_000_009);
    const { path, download } = await prepared((_, response, n) => response.end(n === 1 ? damaged : large), {
      size: large.length,
      md5,
    });
    expect(await download()).toMatchObject({ md5, sha256: createHash('sha256').update(large).digest('hex') });
    expect(large.equals(await readFile(path))).toBe(true);
  });

  it('prevents two attempts at one file from writing at the same time', async () => {
    const responses: ServerResponse[] = [];
    const { folder, path, download } = await prepared((_, response) => {
      responses.push(response);
      response.writeHead(200, { 'content-length': SIZE });
      response.write(BYTES.subarray(0, 10));
    });
    const first = download();
    while (!existsSync(`${path}.part`)) await new Promise((resolve) => setTimeout(resolve, 5));
    await expect(download()).rejects.toMatchObject({
      code: 'FILE_LOCKED',
      retryable: true,
      retryAfterMs: 5_000,
      message: expect.stringContaining(`process ${process.pid}`),
    });
    responses[0]?.end(BYTES.subarray(10));
    expect(await first).toMatchObject({ sha256: SHA256 });
    expect(await readdir(folder)).toEqual(['images.zip']);
  });

  it.each([
    [404, 'FILE_NOT_IN_RECORD'],
    [403, 'ACCESS_DENIED'],
    [500, 'NETWORK'],
    [206, 'NETWORK'],
  ])('turns HTTP %i into %s', async (status, code) => {
    const { download } = await prepared((_, response) => response.writeHead(status).end());
    await expect(download()).rejects.toMatchObject({ code });
  });

  it('passes on the wait that the server requests, and keeps the bytes', async () => {
    const { path, download } = await prepared((_, response) =>
      response.writeHead(429, { 'retry-after': '2' }).end('slow down'),
    );
    await writeFile(`${path}.part`, BYTES.subarray(0, 10));
    await expect(download()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 2000 });
    expect((await readFile(`${path}.part`)).length).toBe(10);
  });

  it('rejects immediately what does not fit on the disk', async () => {
    const { download, requests } = await prepared(wellBehaved, { size: 2 ** 52, md5: MD5 });
    await expect(download()).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect(requests).toHaveLength(0);
  });

  it('completes the same file however often it is interrupted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: SIZE - 1 }), { maxLength: 4 }), async (cuts) => {
        const { download } = await prepared((request, response, n, part) => {
          const cut = cuts[n - 1];
          if (cut === undefined) return wellBehaved(request, response, n);
          const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0);
          const range = from === 0 ? {} : { 'content-range': `bytes ${from}-${SIZE - 1}/${SIZE}` };
          response.writeHead(from === 0 ? 200 : 206, { 'content-length': SIZE - from, ...range }).flushHeaders();
          response.write(BYTES.subarray(from, Math.max(from, cut)));
          dropWhen(response, part, cut);
        });
        for (const _ of cuts) await expect(download()).rejects.toMatchObject({ code: 'NETWORK' });
        expect(await download()).toMatchObject({ size: SIZE, sha256: SHA256 });
      }),
      { numRuns: 15, seed: 15674785 },
    );
  });
});
