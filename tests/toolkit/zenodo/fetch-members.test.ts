import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { digestsOfFile } from '../../../toolkit/zenodo/download/digests.ts';
import { fetchMembers } from '../../../toolkit/zenodo/download/fetch-members.ts';
import { faultServer } from '../../support/fault-server.ts';
import { suiteFolder, temporaryFolder } from '../../support/in-temporary-folder.ts';
import { noise } from '../../support/random-numbers.ts';
import { zipRecord } from '../../support/tiny-record.ts';

const folder = suiteFolder();
const ROIS = Array.from({ length: 12 }, (_, index) => `images/he/patient${index}_roi.png`);
const SIZE = 300_000;
let archive = Buffer.alloc(0);
let md5 = '';

beforeAll(async () => {
  for (const [index, path] of ROIS.entries()) {
    const place = join(folder(), 'unpacked', path);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, noise(SIZE, index));
  }
  await zipRecord(join(folder(), 'unpacked'), join(folder(), 'served'));
  const path = join(folder(), 'served', 'images.zip');
  archive = await readFile(path);
  ({ md5 } = await digestsOfFile(path));
});

type Spoil = (request: IncomingMessage, rest: Buffer, n: number) => Buffer | 'cut' | number;

/** A place for members, and a server of the archive that may spoil what it sends. */
async function prepared(spoil: Spoil = (_, rest) => rest) {
  const target = await temporaryFolder();
  let sent = 0;
  const { url, requests } = await faultServer((request, response, n) => {
    const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const rest = archive.subarray(Number(from), Number(to) + 1);
    const given = spoil(request, rest, n);
    if (typeof given === 'number') return void response.writeHead(given).end();
    response.writeHead(206, {
      'content-range': `bytes ${from}-${to}/${archive.length}`,
      'content-length': rest.length,
    });
    const bytes = given === 'cut' ? rest.subarray(0, rest.length >> 1) : given;
    sent += bytes.length;
    response.write(bytes, () => (given === 'cut' ? setTimeout(() => response.destroy(), 50) : response.end()));
  });
  const wanted = new Set(ROIS.slice(4, 6));
  const fetch = (select = (path: string) => wanted.has(path)) =>
    fetchMembers({
      url: `${url}/images.zip`,
      path: join(target, 'archives', 'images.zip'),
      size: archive.length,
      md5,
      target,
      root: 'images',
      select,
    });
  return { target, fetch, requests, sent: () => sent, wanted: [...wanted] };
}

describe('fetchMembers', () => {
  it('downloads the wanted members, each as it was packed, and little else', async () => {
    const { target, fetch, sent, wanted } = await prepared();
    expect((await fetch())?.map(({ path }) => path)).toEqual(wanted);
    for (const path of wanted) {
      expect((await readFile(join(target, path))).equals(await readFile(join(folder(), 'unpacked', path)))).toBe(true);
    }
    expect(sent()).toBeLessThan(2 * SIZE + 200_000);
    expect(await readdir(join(target, 'images', 'he'))).toHaveLength(2);
    expect(await readdir(join(target, 'archives'))).toEqual([]);
  });

  it('downloads only the directory if they are present', async () => {
    const { fetch, sent } = await prepared();
    await fetch();
    const before = sent();
    await fetch();
    expect(sent() - before).toBeLessThan(200_000);
  });

  it('continues in the middle of a partly downloaded member', async () => {
    const { fetch, sent } = await prepared((_, rest, n) => (n === 2 ? 'cut' : rest));
    await expect(fetch()).rejects.toMatchObject({ code: 'NETWORK', retryable: true });
    expect(await fetch()).toHaveLength(2);
    expect(sent()).toBeLessThan(2 * SIZE + 400_000);
  });

  it('notices a member with wrong bytes by its CRC-32', async () => {
    const { target, fetch, wanted } = await prepared((_, rest, n) =>
      n === 2 ? Buffer.from(rest).fill(0, 900, 990) : rest,
    );
    await expect(fetch()).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
    expect(existsSync(join(target, wanted[0] ?? ''))).toBe(false);
  });

  it('leaves it to a full download if the server does not support ranges, or most is wanted', async () => {
    const { target, fetch } = await prepared(() => 200);
    expect(await fetch()).toBeUndefined();
    expect(await readdir(join(target, 'archives'))).toEqual([]);
    const { fetch: fetchAll } = await prepared();
    expect(await fetchAll(() => true)).toBeUndefined();
  });

  it('recognises that nothing in an archive is wanted', async () => {
    const { target, fetch } = await prepared();
    expect(await fetch(() => false)).toEqual([]);
    await expect(stat(join(target, 'images'))).rejects.toThrow();
  });
});
