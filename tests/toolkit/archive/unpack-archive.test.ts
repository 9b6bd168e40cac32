import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { listArchive } from '../../../toolkit/archive/read-archive.ts';
import { unpackArchive } from '../../../toolkit/archive/unpack-archive.ts';
import { filesBelow } from '../../support/files-below.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { type RawMember, rawZip } from '../../support/raw-zip.ts';

/** Writes an archive, with a folder next to it to unpack into. */
async function prepared(zip: Buffer) {
  const folder = await temporaryFolder();
  const archive = join(folder, 'images.zip');
  await writeFile(archive, zip);
  const target = join(folder, 'data');
  const unpack = (more: Partial<Parameters<typeof unpackArchive>[0]> = {}) =>
    unpackArchive({ archive, target, root: 'images', ...more });
  return { folder, archive, target, unpack };
}

/** The same archive with four bytes of one value, counted from its end. */
function withBytes(zip: Buffer, fromEnd: number, value: number): Buffer {
  return zip.fill(value, zip.length + fromEnd, zip.length + fromEnd + 4);
}

describe('unpackArchive', () => {
  it('unpacks stored and deflated members, and lists them', async () => {
    const { target, unpack } = await prepared(
      rawZip([
        { name: 'images/' },
        { name: 'images/he/a.png', content: 'pixels' },
        { name: 'images/he/ünïcode b.png', content: 'x'.repeat(10_000), deflate: true },
        { name: 'images/empty', content: '' },
      ]),
    );
    const progress: [number, number][] = [];
    const { files, bytes } = await unpack({ onProgress: (done, total) => progress.push([done, total]) });
    expect(await filesBelow(target)).toEqual({
      'images/he/a.png': 'pixels',
      'images/he/ünïcode b.png': 'x'.repeat(10_000),
      'images/empty': '',
    });
    expect(bytes).toBe(10_006);
    expect(files[0]).toEqual({
      path: 'images/he/a.png',
      size: 6,
      crc32: crc32('pixels'),
      sha256: createHash('sha256').update('pixels').digest('hex'),
    });
    expect(files.map(({ path }) => path)).toEqual(['images/he/a.png', 'images/he/ünïcode b.png', 'images/empty']);
    expect(progress.at(-1)).toEqual([10_006, 10_006]);
  });

  it('puts members outside the root folder into it', async () => {
    const { target, unpack } = await prepared(rawZip([{ name: 'he/a.png' }, { name: './pdl1//b.png' }]));
    await unpack();
    expect(Object.keys(await filesBelow(target)).sort()).toEqual(['images/he/a.png', 'images/pdl1/b.png']);
  });

  it('unpacks only selected members, and creates empty folders', async () => {
    const { target, unpack } = await prepared(
      rawZip(['images/he/', 'images/a', 'images/b', 'images/none/'].map((name) => ({ name }))),
    );
    await unpack({ select: (path) => path === 'images/b' });
    expect(await readdir(join(target, 'images'))).toEqual(['b']);
    await unpack();
    expect((await readdir(join(target, 'images'))).sort()).toEqual(['a', 'b', 'he', 'none']);
  });

  it('keeps the paths in an archive that does not belong to a folder', async () => {
    const { target, unpack } = await prepared(rawZip([{ name: 'extra/a' }, { name: 'b' }]));
    await unpack({ root: undefined });
    expect(Object.keys(await filesBelow(target)).sort()).toEqual(['b', 'extra/a']);
  });

  it('skips files that macOS adds', async () => {
    const { target, unpack } = await prepared(
      rawZip([
        { name: 'images/a', content: 'a' },
        { name: 'images/.DS_Store', content: 'b' },
        { name: '__MACOSX/images/._a', content: 'c' },
      ]),
    );
    expect(await unpack()).toMatchObject({ bytes: 1 });
    expect(await filesBelow(target)).toEqual({ 'images/a': 'a' });
  });

  it('reads 64-bit archives, also with a comment', async () => {
    const members = [{ name: 'images/a', content: 'a', zip64: true, deflate: true }];
    for (const zip of [rawZip(members, { zip64: true }), rawZip(members, { comment: 'made by hand' })]) {
      const { target, unpack } = await prepared(zip);
      await unpack();
      expect(await filesBelow(target)).toEqual({ 'images/a': 'a' });
    }
  });

  it('keeps correct members, and moves different files aside', async () => {
    const { target, unpack } = await prepared(
      rawZip(['kept', 'other', 'short', 'gone'].map((name) => ({ name: `images/${name}`, content: '12345' }))),
    );
    await mkdir(join(target, 'images'), { recursive: true });
    for (const [name, content] of [
      ['kept', '12345'],
      ['other', '12344'],
      ['short', '1'],
    ] as const) {
      await writeFile(join(target, 'images', name), content);
      await utimes(join(target, 'images', name), 1000, 1000);
    }
    const { files } = await unpack();
    const [kept, other] = await Promise.all(['kept', 'other'].map((name) => stat(join(target, 'images', name))));
    expect(kept?.mtimeMs).toBe(1_000_000);
    expect(other?.mtimeMs).not.toBe(1_000_000);
    expect(new Set(files.map(({ sha256 }) => sha256)).size).toBe(1);
    const content = '12345';
    const right = Object.fromEntries(['kept', 'other', 'short', 'gone'].map((name) => [`images/${name}`, content]));
    const aside = { 'images/other.wrong-1': '12344', 'images/short.wrong-1': '1' };
    expect(await filesBelow(target)).toEqual({ ...right, ...aside });
  });

  it('removes only what a killed attempt left', async () => {
    const { target, unpack } = await prepared(rawZip([{ name: 'images/a', content: 'a' }]));
    await mkdir(join(target, 'images'), { recursive: true });
    const running = `images/.a.${process.pid}.00ff.tmp`;
    for (const path of ['images/.a.2147483000.00ff.tmp', running, 'images/.z.2147483000.00ff.tmp']) {
      await writeFile(join(target, path), '');
    }
    await unpack();
    expect(Object.keys(await filesBelow(target)).sort()).toEqual([
      running,
      'images/.z.2147483000.00ff.tmp',
      'images/a',
    ]);
  });

  it('does not write through a link at the path of a member', async () => {
    const { folder, target, unpack } = await prepared(rawZip([{ name: 'images/a', content: 'new' }]));
    await mkdir(join(target, 'images'), { recursive: true });
    await writeFile(join(folder, 'mine'), 'old');
    await symlink(join(folder, 'mine'), join(target, 'images/a'));
    await unpack();
    expect(await filesBelow(folder)).toMatchObject({
      mine: 'old',
      'data/images/a': 'new',
      'data/images/a.wrong-1': 'old',
    });
  });

  it('keeps a folder at the path of a member', async () => {
    const { target, unpack } = await prepared(rawZip([{ name: 'images/a', content: 'new' }]));
    await mkdir(join(target, 'images/a/b'), { recursive: true });
    await expect(unpack()).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
    expect(await filesBelow(target)).toEqual({});
  });

  it('stops when aborted, without a half-written file', async () => {
    const content = Buffer.alloc(2_000_000, 7);
    const { target, unpack } = await prepared(rawZip(['a', 'b'].map((name) => ({ name, content }))));
    const abort = new AbortController();
    const reason = new Error('enough');
    const onProgress = (done: number) => done > 2_500_000 && abort.abort(reason);
    await expect(unpack({ signal: abort.signal, onProgress })).rejects.toBe(reason);
    expect(['images/a', 'images/b']).toEqual(expect.arrayContaining(Object.keys(await filesBelow(target))));
    await unpack();
    expect(Object.keys(await filesBelow(target)).sort()).toEqual(['images/a', 'images/b']);
  });

  it('does not blame the archive for an error of its caller', async () => {
    const { target, unpack } = await prepared(rawZip([{ name: 'a', content: 'a' }]));
    const mistake = new TypeError('not a function');
    const onProgress = () => {
      throw mistake;
    };
    await expect(unpack({ onProgress })).rejects.toBe(mistake);
    expect(await filesBelow(target)).toEqual({});
  });

  it.each([
    ['a path that climbs', { name: 'images/../../evil' }],
    ['a path of only ".."', { name: '..' }],
    ['an absolute path', { name: '/etc/evil' }],
    ['a drive letter', { name: 'C:evil' }],
    ['a backslash', { name: 'images\\..\\evil' }],
    ['a control character', { name: 'images/a\u0000b' }],
    ['bytes that are not UTF-8', { name: Buffer.from([0x61, 0xff]) }],
    ['an endless name', { name: 'a'.repeat(256) }],
    ['no name', { name: './.' }],
    ['a symbolic link', { name: 'images/evil', content: '/etc', mode: 0o120777 }],
    ['a device', { name: 'images/evil', mode: 0o020666 }],
    ['a name that differs by case', { name: 'images/GOOD' }],
    ['the same name twice', { name: 'images/good' }],
    ['the same place, with and without the root', { name: 'good' }],
    ['a file where a folder is needed', { name: 'images/good/evil' }],
    ['a folder with content', { name: 'images/evil/', content: 'x' }],
    ['an encrypted member', { name: 'images/evil', content: 'twelve bytes', size: 0, flags: 0x801 }],
    ['a strongly encrypted member', { name: 'images/evil', flags: 0x841 }],
    ['another name in its header', { name: 'images/evil', localName: 'images/nice' }],
    ['a member over another one', { name: 'images/evil', offset: 0 }],
    ['an endless ratio', { name: 'images/evil', content: Buffer.alloc(20_000_000), deflate: true }],
  ] as const)('refuses an archive with %s before it writes a byte', async (_, member: RawMember) => {
    const { folder, archive, unpack } = await prepared(rawZip([{ name: 'images/good', content: 'good' }, member]));
    const error = await unpack().then(
      () => undefined,
      (caught) => caught,
    );
    expect(error).toMatchObject({ code: 'ARCHIVE_UNSAFE', message: expect.stringContaining(archive) });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
    expect(Object.keys(await filesBelow(folder))).toEqual(['images.zip']);
  });

  it('rejects a member inside another one', async () => {
    // Nested like this, a few kB unpack to terabytes, and every member is fine by itself.
    const inner = rawZip([{ name: 'images/evil', content: 'evil' }]);
    const { target, unpack } = await prepared(
      rawZip([
        { name: 'images/good', content: inner },
        { name: 'images/evil', content: 'evil', offset: 30 + 'images/good'.length },
      ]),
    );
    await expect(unpack()).rejects.toThrow('member "images/evil": overlaps another member');
    expect(await filesBelow(target)).toEqual({});
  });

  it('rejects names that differ only by Unicode normalisation', async () => {
    const { unpack } = await prepared(rawZip([{ name: 'ä'.normalize('NFC') }, { name: 'ä'.normalize('NFD') }]));
    await expect(unpack()).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
  });

  it('rejects more bytes and more files than allowed', async () => {
    const { unpack, target } = await prepared(rawZip([{ name: 'a', content: '12345' }, { name: 'b' }]));
    await expect(unpack({ limits: { bytes: 4 } })).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
    await expect(unpack({ limits: { files: 1 } })).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
    expect(await filesBelow(target)).toEqual({});
    await unpack({ limits: { bytes: 5, files: 2 } });
  });

  it('rejects a directory with more entries than it states', async () => {
    const { unpack } = await prepared(rawZip([{ name: 'a' }, { name: 'hidden' }], { count: 1 }));
    await expect(unpack()).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
  });

  it.each([
    ['a wrong CRC-32', 'ARCHIVE_CORRUPT', { content: 'bad', crc: 1 }],
    ['fewer bytes than stated', 'ARCHIVE_CORRUPT', { content: 'bad', size: 9, deflate: true }],
    ['more bytes than stated', 'ARCHIVE_UNSAFE', { content: 'x'.repeat(9999), size: 9, deflate: true }],
    ['bytes that are not a deflate stream', 'ARCHIVE_CORRUPT', { content: '\xff\xff\xff', method: 8 }],
  ] as const)('keeps what is right, and not a member with %s', async (_, code, member) => {
    const { target, unpack } = await prepared(
      rawZip([
        { name: 'good', content: 'good' },
        { name: 'bad', ...member },
      ]),
    );
    await expect(unpack()).rejects.toMatchObject({ code, message: expect.stringContaining('"bad"') });
    expect(await filesBelow(target)).toEqual({ 'images/good': 'good' });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('<html>not found</html>')],
    ['a zip that was cut off', rawZip([{ name: 'a', content: 'a' }]).subarray(0, -1)],
    ['a zip whose beginning is gone', rawZip([{ name: 'a', content: 'abc' }]).subarray(1)],
    ['a member of a method that we lack', rawZip([{ name: 'a', method: 9 }])],
    ['two sizes of a stored member', rawZip([{ name: 'a', content: 'abc', size: 4 }])],
    ['a 64-bit end elsewhere', withBytes(rawZip([{ name: 'a' }], { zip64: true }), -34, 0xff)],
  ])('calls %s corrupt', async (_, zip) => {
    const { unpack, target } = await prepared(zip);
    await expect(unpack()).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
    expect(await filesBelow(target)).toEqual({});
  });

  it('reports that the archive does not exist', async () => {
    await expect(unpackArchive({ archive: '/nowhere.zip', target: '/x', root: 'r' })).rejects.toMatchObject({
      code: 'FILE_MISSING',
    });
  });

  it.skipIf(process.getuid?.() === 0)('reports that the target is not writable', async () => {
    const { target, unpack } = await prepared(rawZip([{ name: 'a' }]));
    await mkdir(target);
    await chmod(target, 0o500);
    await expect(unpack()).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  });

  it('returns what was packed', async () => {
    const name = fc.stringMatching(/^[a-z0-9_-]{1,8}(\/[a-z0-9_-]{1,8}){0,2}$/).map((stem) => `${stem}.png`);
    const member = fc.record({ name, content: fc.uint8Array({ maxLength: 300 }), deflate: fc.boolean() });
    const members = fc.uniqueArray(member, { selector: ({ name: key }) => key, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(members, fc.boolean(), async (packed, zip64) => {
        const files = packed.map((one) => ({ ...one, content: Buffer.from(one.content), zip64 }));
        const { target, unpack } = await prepared(rawZip(files, { zip64 }));
        await unpack();
        const expected = files.map((file) => [`images/${file.name}`, file.content.toString('latin1')]);
        expect(await filesBelow(target)).toEqual(Object.fromEntries(expected));
      }),
      { numRuns: 40, seed: 15674785 },
    );
  });
});

describe('listArchive', () => {
  it('reports the required disk space in advance', async () => {
    const { folder, archive } = await prepared(
      rawZip([
        { name: 'a', content: '12345' },
        { name: 'b/' },
        { name: 'b/c', content: '1'.repeat(95), deflate: true },
      ]),
    );
    expect(await listArchive(archive, { root: 'images' })).toEqual({
      bytes: 100,
      members: [
        { path: 'images/a', size: 5, crc32: crc32('12345') },
        { path: 'images/b/c', size: 95, crc32: crc32('1'.repeat(95)) },
      ],
    });
    expect(Object.keys(await filesBelow(folder))).toEqual(['images.zip']);
  });
});
