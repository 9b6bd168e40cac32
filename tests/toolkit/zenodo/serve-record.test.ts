import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { unpackArchive } from '../../../toolkit/archive/unpack-archive.ts';
import { downloadFile } from '../../../toolkit/zenodo/download/download-file.ts';
import { parseByteRange } from '../../../toolkit/zenodo/http/http-headers.ts';
import { fetchRecord } from '../../../toolkit/zenodo/record/record.ts';
import { serveRecord } from '../../../toolkit/zenodo/serve-record.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { zipRecord } from '../../support/tiny-record.ts';

async function served(files: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const server = await serveRecord({ folder, record: 42, unref: true });
  onTestFinished(() => server.close());
  const content = (key: string) => `${server.api}/records/42/files/${encodeURIComponent(key)}/content`;
  return { folder, api: server.api, content };
}

describe('serveRecord', () => {
  it('serves a record that the client can read, download and unpack', async () => {
    const source = await temporaryFolder();
    await mkdir(join(source, 'images/he'), { recursive: true });
    await mkdir(join(source, 'models/he'), { recursive: true });
    await writeFile(join(source, 'images/he/a.png'), 'pixels');
    await writeFile(join(source, 'models/he/plans.pkl'), 'x'.repeat(100_000));
    await writeFile(join(source, 'data_overview.csv'), 'a,b\n');
    const zipped = await temporaryFolder();
    await zipRecord(source, zipped, { compress: true });
    const server = await serveRecord({ folder: zipped, record: '10.5281/zenodo.42' });
    onTestFinished(() => server.close());

    const record = await fetchRecord({ api: server.api, record: 42 });
    expect(record.files.map(({ key }) => key)).toEqual(['data_overview.csv', 'images.zip', 'models.zip']);
    const target = await temporaryFolder();
    for (const file of record.files) {
      const path = join(target, file.key);
      await downloadFile({ ...file, path });
      if (file.key.endsWith('.zip')) await unpackArchive({ archive: path, target, root: file.key.slice(0, -4) });
    }
    expect(await readFile(join(target, 'images/he/a.png'), 'utf8')).toBe('pixels');
    expect(await readFile(join(target, 'models/he/plans.pkl'), 'utf8')).toHaveLength(100_000);
    expect(await readFile(join(target, 'data_overview.csv'), 'utf8')).toBe('a,b\n');
  });

  it('answers ranges, conditions and HEAD like Zenodo', async () => {
    const { content } = await served({ 'a b.txt': '0123456789' });
    const get = (headers: Record<string, string>, method = 'GET') => fetch(content('a b.txt'), { headers, method });
    const whole = await get({});
    const etag = whole.headers.get('etag') ?? '';
    expect([whole.status, await whole.text(), etag]).toEqual([
      200,
      '0123456789',
      '"md5:781e5e245d69b566979b86e28d23f2c7"',
    ]);
    const rest = await get({ range: 'bytes=4-', 'if-range': etag });
    expect([rest.status, await rest.text(), rest.headers.get('content-range')]).toEqual([
      206,
      '456789',
      'bytes 4-9/10',
    ]);
    const changed = await get({ range: 'bytes=4-', 'if-range': '"another"' });
    expect([changed.status, await changed.text()]).toEqual([200, '0123456789']);
    const past = await get({ range: 'bytes=10-' });
    expect([past.status, past.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    const head = await get({}, 'HEAD');
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10', '']);
    expect((await get({}, 'POST')).status).toBe(405);
  });

  it('serves the plain files of its folder and nothing else', async () => {
    const { folder, api, content } = await served({ 'a.txt': 'a', '.hidden': 'h', empty: '' });
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'sub/b.txt'), 'b');
    await symlink('/etc/hostname', join(folder, 'link'));
    const record = await fetchRecord({ api, record: 42 });
    expect(record.files.map(({ key }) => key)).toEqual(['a.txt', 'empty']);
    for (const key of ['.hidden', 'sub', 'sub/b.txt', 'link', '../a.txt', '..', '%', 'none']) {
      expect((await fetch(content(key))).status).toBe(404);
    }
    for (const path of ['records/43', 'records/42/', 'records/42/files/%zz/content', 'records/%zz']) {
      expect((await fetch(`${api}/${path}`)).status).toBe(404);
    }
    expect(await (await fetch(content('empty'))).text()).toBe('');
  });

  it('notices that a file has changed', async () => {
    const { folder, api } = await served({ a: 'one' });
    const before = await fetchRecord({ api, record: 42 });
    await writeFile(join(folder, 'a'), 'another');
    const after = await fetchRecord({ api, record: 42 });
    expect(after.files[0]?.size).toBe(7);
    expect(after.files[0]?.md5).not.toBe(before.files[0]?.md5);
  });

  it('reports that the folder does not exist', async () => {
    await expect(serveRecord({ folder: '/nowhere', record: 42 })).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });
});

describe('parseByteRange', () => {
  it.each([
    ['bytes=0-', { start: 0, end: 9 }],
    ['bytes=3-5', { start: 3, end: 5 }],
    ['bytes=3-99', { start: 3, end: 9 }],
    ['bytes=-4', { start: 6, end: 9 }],
    ['bytes=-99', { start: 0, end: 9 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-3', undefined],
    ['bytes=0-1,3-4', undefined],
    ['bytes=-', undefined],
    ['lines=1-2', undefined],
    [undefined, undefined],
  ])('reads %s of ten bytes', (header, range) => {
    expect(parseByteRange(header, 10)).toEqual(range);
  });
});
