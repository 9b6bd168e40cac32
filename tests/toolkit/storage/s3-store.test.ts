import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { storagePlace } from '../../../config/schema.ts';
import { sha256Of } from '../../../toolkit/files/hash-file.ts';
import { Blobs } from '../../../toolkit/storage/object-store.ts';
import { checkStorage } from '../../../toolkit/storage/run-storage.ts';
import { openS3Store } from '../../../toolkit/storage/s3-store.ts';
import { startFakeS3 } from '../../support/fake-s3.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const ADDRESS = 's3://bucket/some/prefix';

describe('storagePlace', () => {
  it('splits bucket and prefix', () => {
    expect(storagePlace(ADDRESS)).toEqual({ bucket: 'bucket', prefix: 'some/prefix/' });
    expect(storagePlace('s3://bucket')).toEqual({ bucket: 'bucket', prefix: '' });
    expect(storagePlace('s3://bucket/one/')).toEqual({ bucket: 'bucket', prefix: 'one/' });
  });

  it.each([
    's3://key:secret@bucket/prefix',
    's3://bucket/../other',
    's3://bucket/./here',
    'https://bucket/prefix',
    's3://b',
    '/a/folder',
  ])('refuses %s', (address) => {
    expect(() => storagePlace(address)).toThrow();
  });
});

describe('openS3Store', () => {
  it('writes once, reads, and removes', async () => {
    const server = await startFakeS3();
    const store = openS3Store(ADDRESS, server.options);
    expect(await store.readText('a')).toBeUndefined();
    expect(await store.sizeOf('a')).toBeUndefined();
    expect(await store.writeOnce('a', 'first')).toBe(true);
    expect(await store.writeOnce('a', 'second')).toBe(false);
    expect(await store.readText('a')).toBe('first');
    expect([...server.objects.keys()]).toEqual(['some/prefix/a']);
    await store.write('a', 'third');
    expect(await store.sizeOf('a')).toBe(5);
    await store.remove('a');
    expect(await store.readText('a')).toBeUndefined();
  });

  it.each([500, 503, 'cut', 'half'] as const)('asks again after %s', async (fault) => {
    const server = await startFakeS3();
    const store = openS3Store(ADDRESS, server.options);
    await store.write('a', 'contents');
    let faults = 2;
    server.fault = () => (faults-- > 0 ? fault : undefined);
    const target = join(await temporaryFolder(), 'a');
    expect(await store.readToFile('a', target)).toBe(sha256Of('contents'));
    expect(await readFile(target, 'utf8')).toBe('contents');
    expect(faults).toBeLessThan(0);
  });

  it('finds its own object if the answer to its write was lost', async () => {
    const server = await startFakeS3();
    const store = openS3Store(ADDRESS, server.options);
    let faults = 1;
    server.fault = () => (faults-- > 0 ? 'lost reply' : undefined);
    expect(await store.writeOnce('a', 'first')).toBe(false);
    expect(await store.readText('a')).toBe('first');
  });

  it('reports that the storage does not answer, and that a retry may succeed', async () => {
    const server = await startFakeS3();
    server.fault = () => 503;
    const reading = openS3Store(ADDRESS, server.options).readText('a');
    await expect(reading).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('s3://bucket/some/prefix/a: no answer in 4 attempts'),
    });
    expect(server.requests).toHaveLength(4);
  });

  it('stops immediately when aborted', async () => {
    const server = await startFakeS3();
    server.fault = () => 503;
    const stop = new AbortController();
    const reading = openS3Store(ADDRESS, server.options).readText('a', stop.signal);
    stop.abort(new Error('told to stop'));
    await expect(reading).rejects.toThrow(/told to stop|abort/i);
  });
});

describe('checkStorage', () => {
  it('leaves nothing behind', async () => {
    const server = await startFakeS3();
    await checkStorage(openS3Store(ADDRESS, server.options));
    expect(server.objects.size).toBe(0);
  });

  it('rejects a server that replaces what must be written only once', async () => {
    const server = await startFakeS3();
    const { objects } = server;
    // As if it did not know the condition: what is there is forgotten before each write.
    server.fault = ({ method, key }) => {
      if (method === 'PUT') objects.delete(key);
      return undefined;
    };
    await expect(checkStorage(openS3Store(ADDRESS, server.options))).rejects.toMatchObject({
      code: 'STORAGE_UNSUITABLE',
    });
  });
});

describe('Blobs', () => {
  async function aFile(text: string) {
    const folder = await temporaryFolder();
    const path = join(folder, 'file');
    await writeFile(path, text);
    return { folder, path };
  }

  it('sends a content once, and verifies it after download', async () => {
    const server = await startFakeS3();
    const { folder, path } = await aFile('image');
    const [one, other] = [openS3Store(ADDRESS, server.options), openS3Store(ADDRESS, server.options)];
    const { sha256 } = await new Blobs(one).offer(path);
    await new Blobs(other).offer(path);
    expect(server.requests.filter(({ method }) => method === 'PUT')).toHaveLength(1);
    await new Blobs(other).fetch(sha256, join(folder, 'copy'));
    expect(await readFile(join(folder, 'copy'), 'utf8')).toBe('image');
    expect(other.moved).toMatchObject({ sent: 0, received: 5 });
  });

  it('rejects bytes with another digest, and leaves no file', async () => {
    const server = await startFakeS3();
    const { folder, path } = await aFile('image');
    const blobs = new Blobs(openS3Store(ADDRESS, server.options));
    const { sha256 } = await blobs.offer(path);
    for (const key of server.objects.keys()) server.objects.set(key, Buffer.from('imagE'));
    const copy = join(folder, 'copy');
    await expect(blobs.fetch(sha256, copy)).rejects.toMatchObject({ code: 'STORAGE_DAMAGED' });
    await expect(readFile(copy)).rejects.toMatchObject({ code: 'ENOENT' });
    for (const key of server.objects.keys()) server.objects.set(key, Buffer.from('longer image'));
    const again = new Blobs(openS3Store(ADDRESS, server.options));
    await expect(again.offer(path)).rejects.toMatchObject({ code: 'STORAGE_DAMAGED' });
  });

  it('reports what is not in the storage', async () => {
    const server = await startFakeS3();
    const blobs = new Blobs(openS3Store(ADDRESS, server.options));
    const target = join(await temporaryFolder(), 'copy');
    await expect(blobs.fetch('a'.repeat(64), target)).rejects.toMatchObject({ code: 'STORAGE_MISSING' });
  });
});
