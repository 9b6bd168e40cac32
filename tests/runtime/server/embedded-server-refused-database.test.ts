import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRefusal, moveDatabaseAside } from '../../../runtime/server/embedded-server.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reignite-database-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function contents(): Promise<Record<string, string>> {
  const names = await readdir(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')])),
  );
}

describe('moveDatabaseAside', () => {
  it('moves database and journal together, under names that SQLite recognises', async () => {
    await writeFile(join(folder, 'temporal.db'), 'old');
    await writeFile(join(folder, 'temporal.db-wal'), 'old journal');
    await writeFile(join(folder, 'temporal.db.refused-1'), 'older');
    const aside = await moveDatabaseAside(folder, 'temporal.db');
    expect(aside.name).toBe('temporal.db.refused-2');
    expect(await contents()).toEqual({
      'temporal.db.refused-1': 'older',
      'temporal.db.refused-2': 'old',
      'temporal.db.refused-2-wal': 'old journal',
    });
  });

  it('moves it back, replacing the new one', async () => {
    await writeFile(join(folder, 'temporal.db'), 'old');
    const aside = await moveDatabaseAside(folder, 'temporal.db');
    await writeFile(join(folder, 'temporal.db'), 'new');
    await writeFile(join(folder, 'temporal.db-wal'), 'new journal');
    await aside.restore();
    expect(await contents()).toEqual({ 'temporal.db': 'old' });
  });
});

describe('isRefusal', () => {
  it.each([
    ['Error: failed starting server: unable to create SQLite admin DB: file is not a database (26)', true],
    ['database disk image is malformed (11)', true],
    ["Error: can't set frontend port 7233: listen tcp 127.0.0.1:7233: bind: address already in use", false],
    ['', false],
  ])('of %j is %s', (output, refused) => {
    expect(isRefusal(output)).toBe(refused);
  });
});
