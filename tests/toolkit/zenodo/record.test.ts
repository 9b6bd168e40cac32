import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../../toolkit/zenodo/http/http-headers.ts';
import { fetchRecord, parseRecordId } from '../../../toolkit/zenodo/record/record.ts';
import { faultServer } from '../../support/fault-server.ts';

const MD5 = '0123456789abcdef0123456789abcdef';
const file = { key: 'a', size: 1, checksum: MD5 };

/** Fetches record 7 from a server that answers with this JSON. */
async function recordFrom(json: unknown) {
  const { url, requests } = await faultServer((_, response) => response.end(JSON.stringify(json)));
  const record = await fetchRecord({ api: `${url}/api/`, record: 7 });
  return { url, requests, record };
}

describe('fetchRecord', () => {
  it('reads the current format and uses its links unchanged', async () => {
    const { record, requests } = await recordFrom({
      id: 7,
      doi: '10.5281/zenodo.7',
      metadata: { title: 'A record', license: 'x' },
      files: [
        { id: 'x', key: 'a b.zip', size: 12, checksum: `md5:${MD5}`, links: { self: 'https://h.test/a%20b/content' } },
        { id: 'y', key: 'ü#.csv', size: 0, checksum: `md5:${MD5.toUpperCase()}` },
      ],
    });
    const content = `http://${requests[0]?.headers.host}/api/records/7/files/%C3%BC%23.csv/content`;
    expect(record).toEqual({
      id: '7',
      doi: '10.5281/zenodo.7',
      title: 'A record',
      files: [
        { key: 'a b.zip', size: 12, md5: MD5, url: 'https://h.test/a%20b/content' },
        { key: 'ü#.csv', size: 0, md5: MD5, url: content },
      ],
    });
    expect(requests[0]?.url).toBe('/api/records/7');
    expect(requests[0]?.headers['user-agent']).toMatch(/^reignite\/\d+\.\d+\.\d+ \(TypeScript; \+https:\/\/\S+\)$/);
  });

  it('reads the format of InvenioRDM, where `self` is metadata and `content` the bytes', async () => {
    const links = { self: 'https://h.test/files/a', content: 'https://h.test/files/a/content' };
    const { record } = await recordFrom({
      id: '7',
      pids: { doi: { identifier: '10.5281/zenodo.7' } },
      metadata: { title: 'A record' },
      files: { enabled: true, entries: { a: { key: 'a', size: 1, checksum: `md5:${MD5}`, links } } },
    });
    expect(record).toEqual({
      id: '7',
      doi: '10.5281/zenodo.7',
      title: 'A record',
      files: [{ key: 'a', size: 1, md5: MD5, url: 'https://h.test/files/a/content' }],
    });
  });

  it('reads the legacy format, whose checksums have no prefix', async () => {
    const { record } = await recordFrom({ id: 7, files: [{ filename: 'a', filesize: 3, checksum: MD5 }] });
    expect(record.files).toMatchObject([{ key: 'a', size: 3, md5: MD5 }]);
  });

  it.each([
    ['in the shape of today', { id: 8, conceptrecid: '7' }],
    ['in the shape of InvenioRDM', { id: '8', parent: { id: '7' } }],
  ])('resolves a concept record to its newest version, %s', async (_, json) => {
    const { record } = await recordFrom({ ...json, files: [{ key: 'a', size: 1, checksum: MD5 }] });
    expect(record).toMatchObject({ id: '8', concept: '7' });
    expect(record.files[0]?.url).toMatch(/\/api\/records\/8\/files\/a\/content$/);
  });

  it('follows a redirect to the newest version', async () => {
    const { url } = await faultServer((request, response) => {
      if (request.url === '/api/records/7') response.writeHead(301, { location: '/api/records/8' }).end();
      else response.end(JSON.stringify({ id: 8, files: [file] }));
    });
    expect((await fetchRecord({ api: `${url}/api`, record: 7 })).id).toBe('8');
  });

  it('requests the files if the record only counts them', async () => {
    const { url } = await faultServer((request, response) => {
      const entries = [{ key: 'a', size: 1, checksum: `md5:${MD5}`, links: { content: '/x', self: '/y' } }];
      response.end(JSON.stringify(request.url?.endsWith('/files') ? { entries } : { id: 7, files: { enabled: true } }));
    });
    const { files } = await fetchRecord({ api: `${url}/api`, record: 7 });
    expect(files).toEqual([{ key: 'a', size: 1, md5: MD5, url: `${url}/x` }]);
  });

  it.each([
    ['no files', { id: 7 }, 'files'],
    ['a negative size', { id: 7, files: [{ ...file, size: -1 }] }, 'files.0.size'],
    ['another digest', { id: 7, files: [file, { ...file, checksum: 'sha256:00' }] }, 'files.1.checksum'],
    ['a legacy file without a size', { id: 7, files: [{ filename: 'a', checksum: MD5 }] }, 'files.0.filesize'],
    ['a key that climbs', { id: 7, files: [{ ...file, key: '../a' }] }, 'files.0.key'],
    ['an absolute key', { id: 7, files: [{ ...file, key: '/etc/a' }] }, 'files.0.key'],
    ['a key with a backslash', { id: 7, files: [{ ...file, key: 'a\\b' }] }, 'files.0.key'],
    ['a key of control characters', { id: 7, files: [{ ...file, key: 'a\u001b[2J' }] }, 'files.0.key'],
    ['a key that no disk takes', { id: 7, files: [{ ...file, key: 'a'.repeat(250) }] }, 'files.0.key'],
    ['half a character', { id: 7, files: [{ ...file, key: 'a\ud800' }] }, 'files.0.key'],
    ['a key twice', { id: 7, files: [file, file] }, '"a" occurs twice'],
    ['a link to a local file', { id: 7, files: [{ ...file, links: { self: 'file:///etc/a' } }] }, 'files.0.links.self'],
    ['a list', [], 'expected object'],
    ['null', null, 'expected object'],
    ['another record', { id: 8, files: [file] }, 'answered with record 8, which is not a version of 7'],
    ['a version of another record', { id: 8, conceptrecid: '6', files: [file] }, 'not a version of 7'],
  ])('refuses %s and names the field', async (_, json, message) => {
    await expect(recordFrom(json)).rejects.toMatchObject({
      code: 'RECORD_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['a file where another needs a folder', ['a.txt', 'a.txt/b.txt'], 'needs a folder where "a.txt" is a file'],
    ['the same, the other way round', ['a/b/c.txt', 'a/b'], 'needs a folder where "a/b" is a file'],
    ['names that differ in case', ['README.md', 'readme.md'], 'are one file'],
    ['names that differ in their Unicode form', ['\u00e9.csv', 'e\u0301.csv'], 'are one file'],
    ['the name of an unfinished download', ['a.bin', 'a.bin.part'], 'unfinished download of "a.bin"'],
    ['a file in place of the archives', ['images.zip', 'archives'], 'needs a folder'],
    ['a file in place of what is unpacked', ['images.zip', 'images'], 'needs a folder'],
  ])('refuses a record with %s', async (_, keys, message) => {
    const files = keys.map((key) => ({ ...file, key }));
    await expect(recordFrom({ id: 7, files })).rejects.toMatchObject({
      code: 'RECORD_INVALID',
      message: expect.stringContaining(message),
    });
  });

  const at = (tail: string) => `/api/records/7/files/${tail}/content`;
  it.each([
    ['an encoded link', 'a#b.csv', at('a%23b.csv'), at('a%23b.csv')],
    ['a raw "#"', 'a#b.csv', at('a#b.csv'), at('a%23b.csv')],
    ['a raw "?"', 'what?.csv', at('what?.csv'), at('what%3F.csv')],
    ['a raw "%"', '100%.csv', at('100%.csv'), at('100%25.csv')],
    ['a raw "%20"', 'a%20b', at('a%20b'), at('a%2520b')],
    ['a raw space', 'a b.csv', at('a b.csv'), at('a%20b.csv')],
    ['a folder', 'a/b #1.csv', at('a/b #1.csv'), at('a/b%20%231.csv')],
    ['an encoded slash', 'a/b.csv', at('a%2Fb.csv'), at('a%2Fb.csv')],
    ['another Unicode form', 'e\u0301.csv', at('e\u0301.csv'), at('e%CC%81.csv')],
    ['a bucket of the old API', 'a#b', '/api/files/1-2-3/a#b', '/api/files/1-2-3/a%23b'],
    ['a question behind it', 'a.csv', `${at('a.csv')}?download=1`, `${at('a.csv')}?download=1`],
    ['no link', 'a/b?#%.csv', undefined, at('a/b%3F%23%25.csv')],
  ])('leads to the file itself with %s', async (_, key, link, path) => {
    const links = link === undefined ? {} : { links: { self: link } };
    const { record, url } = await recordFrom({ id: 7, files: [{ ...file, key, ...links }] });
    expect(record.files[0]?.url).toBe(`${url}${path}`);
  });

  it.each([
    ['another file', 'a.txt', at('b.txt')],
    ['what is before a "#"', 'a', at('a#b.txt')],
    ['another Unicode form', 'e\u0301.csv', at('%C3%A9.csv')],
    ['an unknown place with a "#"', 'a#b', '/store/a#b'],
  ])('refuses a link to %s', async (_, key, self) => {
    await expect(recordFrom({ id: 7, files: [{ ...file, key, links: { self } }] })).rejects.toMatchObject({
      code: 'RECORD_INVALID',
      message: expect.stringContaining(key),
    });
  });

  const today = (status: string, files: string) => ({ access: { record: 'public', status, files } });
  const old = (access_right: string) => ({ metadata: { access_right, embargo_date: '2031-05-01' } });
  it.each([
    ['restricted', today('restricted', 'restricted'), 'ACCESS_DENIED', '"restricted"'],
    [
      'restricted, and lists its files',
      { ...today('open', 'restricted'), files: [file] },
      'ACCESS_DENIED',
      'restricted',
    ],
    ['embargoed', today('embargoed', 'restricted'), 'ACCESS_DENIED', '"embargoed"'],
    ['embargoed in the old shape', old('embargoed'), 'ACCESS_DENIED', 'until 2031-05-01'],
    ['closed', old('closed'), 'ACCESS_DENIED', '"closed"'],
    [
      'metadata alone',
      { ...today('metadata-only', 'public'), files: { enabled: false } },
      'RECORD_EMPTY',
      'metadata-only',
    ],
    ['open and empty', today('open', 'public'), 'RECORD_EMPTY', '"open"'],
    ['empty without a word', {}, 'RECORD_EMPTY', 'names no access status'],
    ['empty in the shape of InvenioRDM', { files: { enabled: true, entries: {} } }, 'RECORD_EMPTY', 'no files'],
  ])('refuses a record that is %s', async (_, json, code, message) => {
    await expect(recordFrom({ id: 7, files: [], ...json })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
      retryable: false,
    });
  });

  it('takes the files of a restricted record with a token', async () => {
    const json = { id: 7, ...today('restricted', 'restricted'), files: [file] };
    const { url } = await faultServer((_, response) => response.end(JSON.stringify(json)));
    const record = await fetchRecord({ api: `${url}/api`, record: 7, token: 'secret' });
    expect(record.files).toMatchObject([{ key: 'a' }]);
  });

  it.each([
    [404, 'RECORD_NOT_FOUND', false],
    [410, 'RECORD_NOT_FOUND', false],
    [401, 'ACCESS_DENIED', false],
    [403, 'ACCESS_DENIED', false],
    [429, 'RATE_LIMITED', true],
    [503, 'RATE_LIMITED', true],
    [500, 'NETWORK', true],
    [504, 'NETWORK', true],
    [400, 'RECORD_INVALID', false],
  ])('turns HTTP %i into %s', async (status, code, retryable) => {
    const { url } = await faultServer((_, response) => response.writeHead(status).end('{}'));
    await expect(fetchRecord({ api: url, record: 7 })).rejects.toMatchObject({ code, retryable });
  });

  it('passes on the wait that the server requests', async () => {
    const { url } = await faultServer((_, response) => response.writeHead(429, { 'retry-after': '17' }).end());
    await expect(fetchRecord({ api: url, record: 7 })).rejects.toMatchObject({ retryAfterMs: 17_000 });
  });

  it('reports a web page instead of a record', async () => {
    const { url } = await faultServer((_, response) => response.end('<!doctype html>'));
    await expect(fetchRecord({ api: url, record: 7 })).rejects.toMatchObject({ code: 'RECORD_INVALID' });
  });

  it('reports silence and a refused connection as network errors', async () => {
    const { url } = await faultServer(() => {});
    await expect(fetchRecord({ api: url, record: 7, stallMs: 200 })).rejects.toMatchObject({ code: 'NETWORK' });
    await expect(fetchRecord({ api: 'http://127.0.0.1:9', record: 7 })).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it('ends with the reason of an abort', async () => {
    const { url } = await faultServer(() => {});
    const signal = AbortSignal.timeout(100);
    await expect(fetchRecord({ api: url, record: 7, signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('removes the token when it is redirected to another host', async () => {
    const other = await faultServer((_, response) => response.end(JSON.stringify({ id: 7, files: [file] })));
    const { url, requests } = await faultServer((request, response, n) => {
      const location = n === 1 ? '/api/records/seven' : `${other.url.replace('127.0.0.1', 'localhost')}${request.url}`;
      response.writeHead(302, { location }).end();
    });
    await fetchRecord({ api: url, record: 7, token: 'secret' });
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret', 'Bearer secret']);
    expect(other.requests[0]?.headers.authorization).toBeUndefined();
  });

  it('does not follow redirects forever', async () => {
    const { url, requests } = await faultServer((_, response) => response.writeHead(302, { location: '/' }).end());
    await expect(fetchRecord({ api: url, record: 7 })).rejects.toMatchObject({ code: 'NETWORK' });
    expect(requests.length).toBeLessThan(10);
  });
});

describe('retryAfterMs', () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    ['nothing', {}, undefined],
    ['seconds', { 'retry-after': '3' }, 3_000],
    ['a date', { 'retry-after': 'Thu, 01 Jan 2026 00:00:05 GMT' }, 5_000],
    ['a date that has gone', { 'retry-after': 'Wed, 31 Dec 2025 00:00:05 GMT' }, 0],
    ['the longer of two', { 'retry-after': '3', 'x-ratelimit-reset': String(now / 1000 + 40) }, 40_000],
    ['nonsense', { 'retry-after': 'soon', 'x-ratelimit-reset': '-' }, undefined],
    ['years', { 'retry-after': '999999999' }, 3_600_000],
  ])('understands %s', (_, headers: Record<string, string>, expected) => {
    expect(retryAfterMs({ header: (name) => headers[name] }, now)).toBe(expected);
  });
});

describe('parseRecordId', () => {
  it.each([
    15674785,
    '15674785',
    ' 15674785 ',
    '10.5281/zenodo.15674785',
    'doi:10.5281/ZENODO.15674785',
    'https://doi.org/10.5281/zenodo.15674785',
    'https://zenodo.org/records/15674785',
    'https://zenodo.org/record/15674785#abc',
    'https://zenodo.org/api/records/15674785/files/images.zip/content',
    'http://127.0.0.1:8080/api/records/15674785?x=1',
  ])('finds the number in %s', (text) => {
    expect(parseRecordId(text)).toBe('15674785');
  });

  it.each(['', '0', '-1', '1.5', 'zenodo', '../1', 'https://zenodo.org/records/', '10.1000/xyz.5', '1e5'])(
    'refuses %j',
    (text) => {
      expect(() => parseRecordId(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    },
  );
});
