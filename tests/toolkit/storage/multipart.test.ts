import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Of } from '../../../toolkit/files/hash-file.ts';
import { partSize } from '../../../toolkit/storage/multipart.ts';
import { Blobs } from '../../../toolkit/storage/object-store.ts';
import { openS3Store } from '../../../toolkit/storage/s3-store.ts';
import { type FakeRequest, type FakeS3, startFakeS3 } from '../../support/fake-s3.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const ADDRESS = 's3://bucket';
const PART = 1_000;
const CONTENT = Array.from({ length: 900 }, (_, index) => `line ${index}`).join('\n');
const PARTS = Math.ceil(CONTENT.length / PART);
const KEY = `objects/${sha256Of(CONTENT).slice(0, 2)}/${sha256Of(CONTENT)}`;

async function setUp() {
  const server = await startFakeS3();
  const path = join(await temporaryFolder(), 'large.bin');
  await writeFile(path, CONTENT);
  const machine = () => openS3Store(ADDRESS, { ...server.options, partBytes: PART });
  return { server, path, machine };
}

function partsSent({ requests }: FakeS3): number[] {
  return requests.flatMap(({ method, query }) => (method === 'PUT' ? [Number(query.get('partNumber'))] : []));
}

describe('a file of many parts', () => {
  it('is stored completely, with each part sent once', async () => {
    const { server, path, machine } = await setUp();
    await new Blobs(machine()).offer(path);
    expect(server.objects.get(KEY)?.toString()).toBe(CONTENT);
    expect(partsSent(server)).toEqual(Array.from({ length: PARTS }, (_, index) => index + 1));
    expect(server.uploads.keys).toEqual([]);
  });

  it('is resumed by another machine, which does not resend existing parts', async () => {
    const { server, path, machine } = await setUp();
    const stop = new AbortController();
    server.fault = ({ query }) => {
      if (query.get('partNumber') !== '4') return undefined;
      stop.abort();
      return 'cut';
    };
    await expect(new Blobs(machine()).offer(path, undefined, stop.signal)).rejects.toThrow();
    expect(server.uploads.keys).toEqual([KEY]);
    server.fault = () => undefined;
    const before = partsSent(server).length;
    await new Blobs(machine()).offer(path);
    expect(server.objects.get(KEY)?.toString()).toBe(CONTENT);
    expect(partsSent(server).slice(before)).toEqual(Array.from({ length: PARTS - 3 }, (_, index) => index + 4));
  });

  it('replaces a part with other contents', async () => {
    const { server, path, machine } = await setUp();
    server.fault = ({ query }) => (query.get('partNumber') === '3' ? 500 : undefined);
    await expect(new Blobs(machine()).offer(path)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    server.fault = () => undefined;
    const query = new URLSearchParams({ partNumber: '1', uploadId: 'upload-1' });
    server.uploads.answer({ method: 'PUT', key: KEY, query }, Buffer.from('damaged'), server.objects);
    await new Blobs(machine()).offer(path);
    expect(server.objects.get(KEY)?.toString()).toBe(CONTENT);
  });

  it.each([500, 503, 'cut', 'lost reply'] as const)(
    'is stored whole when every third request ends in %s',
    async (fault) => {
      const { server, path, machine } = await setUp();
      let count = 0;
      server.fault = () => (++count % 3 === 0 ? fault : undefined);
      await new Blobs(machine()).offer(path);
      expect(server.objects.get(KEY)?.toString()).toBe(CONTENT);
    },
  );

  it.each([403, 405, 501] as const)('is stored completely if listing uploads is answered with %d', async (status) => {
    const { server, path, machine } = await setUp();
    const isList = ({ method, query }: FakeRequest) =>
      method === 'GET' && (query.has('uploads') || query.has('uploadId'));
    server.fault = (request) => (isList(request) ? status : undefined);
    await new Blobs(machine()).offer(path);
    expect(server.requests.filter(isList)).toHaveLength(2);
    expect(server.objects.get(KEY)?.toString()).toBe(CONTENT);
  });

  /** Before the upload is completed, as another machine that does the same. */
  function sendAgain({ uploads, objects }: FakeS3, id: string, content: Buffer): void {
    const query = new URLSearchParams({ partNumber: '1', uploadId: id });
    uploads.answer({ method: 'PUT', key: KEY, query }, content, objects);
  }
  const completed = ({ method, query }: FakeRequest) => (method === 'POST' ? query.get('uploadId') : null);
  const FIRST_PART = Buffer.from(CONTENT).subarray(0, PART);

  it.each([
    ['the same part, which has another name then', FIRST_PART, PARTS],
    ['a part of another length, which is replaced', FIRST_PART.subarray(1), 2 * PARTS],
  ])('is stored completely if another machine sends %s', async (_, content, sent) => {
    const { server, path, machine } = await setUp();
    server.uploads.hasMd5 = false;
    let count = 0;
    server.fault = (request) => {
      const id = completed(request);
      if (id !== null && ++count === 1) sendAgain(server, id, content);
      return undefined;
    };
    await new Blobs(machine()).offer(path);
    expect(server.objects.get(KEY)?.toString()).toBe(CONTENT);
    expect(partsSent(server)).toHaveLength(sent);
    expect(server.uploads.keys).toEqual([]);
  });

  it('is not stored for now if others keep replacing its parts', async () => {
    const { server, path, machine } = await setUp();
    server.uploads.hasMd5 = false;
    server.fault = (request) => {
      const id = completed(request);
      if (id !== null) sendAgain(server, id, FIRST_PART);
      return undefined;
    };
    await expect(new Blobs(machine()).offer(path)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  it.each([
    ['becomes shorter', CONTENT.slice(0, 3 * PART + 1)],
    ['gets other contents', CONTENT.replace('line 700', 'line 007')],
  ])('is refused with a remedy where it %s meanwhile', async (_, content) => {
    const { server, path, machine } = await setUp();
    const known = { sha256: sha256Of(CONTENT), bytes: CONTENT.length };
    await writeFile(path, content);
    await expect(new Blobs(machine()).offer(path, known)).rejects.toMatchObject({
      code: 'FILE_DAMAGED',
      message: `${path} was changed while it was stored.`,
      remedy: expect.stringContaining('no other program'),
    });
    expect(server.objects.size).toBe(0);
  });

  it('has parts of the usual size, or larger ones if there would be more than 10,000', () => {
    const usual = 16 * 2 ** 20;
    expect(partSize(10_000 * usual, usual)).toBe(usual);
    expect(partSize(10_000 * usual + 1, usual)).toBe(17 * 2 ** 20);
    for (const bytes of [2e11, 1e12, 5 * 2 ** 40]) expect(bytes / partSize(bytes, usual)).toBeLessThanOrEqual(10_000);
  });

  it('is stored once by two machines at the same time', async () => {
    const { server, path, machine } = await setUp();
    await Promise.all([new Blobs(machine()).offer(path), new Blobs(machine()).offer(path)]);
    expect(server.objects.get(KEY)?.toString()).toBe(CONTENT);
    expect([...server.objects.keys()]).toEqual([KEY]);
    expect(server.uploads.keys).toEqual([]);
  });
});
