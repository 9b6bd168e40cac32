import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statIfThere } from '../../toolkit/files/file-access.ts';
import { makePrivateHome } from '../../toolkit/files/folders.ts';
import { startCommand, until } from '../support/command.ts';
import { temporaryFolder } from '../support/in-temporary-folder.ts';
import { tinyProfile, writeTinyRecord } from '../support/tiny-record.ts';

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

/** Modes of the files in a folder; one that is renamed or removed meanwhile, such as a journal, is left out. */
async function modesIn(folder: string): Promise<Record<string, string>> {
  const modes: Record<string, string> = {};
  for (const { name } of await readdir(folder, { withFileTypes: true })) {
    const found = await statIfThere(join(folder, name));
    if (found?.isFile()) modes[name] = (found.mode & 0o777).toString(8);
  }
  return modes;
}

/** Starts a run under a umask and looks at the files while it goes. */
async function filesUnder(umask: number) {
  const folder = await temporaryFolder();
  await writeTinyRecord(folder, [{ name: 'patient1_he_roi1', width: 64, height: 49 }]);
  await writeFile(join(folder, 'tiny.yaml'), tinyProfile(join(folder, 'served')));
  const home = join(folder, 'home');
  const before = process.umask(umask);
  const words = ['run', '--profile', 'tiny.yaml', '--tasks', 'he', '--data', 'data', '--results', 'results'];
  const command = startCommand(words, { home, cwd: folder });
  process.umask(before);
  await command.shows('Started');
  await until(async () => (await readdir(join(home, 'logs'))).length >= 3);
  const modes = { ...(await modesIn(join(home, 'temporal'))), ...(await modesIn(join(home, 'logs'))) };
  const { status, stderr } = await command.ended;
  expect(status, stderr).toBe(0);
  return { home: await modeOf(home), modes, results: join(folder, 'results'), data: join(folder, 'data') };
}

describe('the state directory', () => {
  it('is private under any umask, with its database, logs and server.json; results follow the umask', async () => {
    // Neither that of most systems nor one that removes what must not be readable.
    const { home, modes, results, data } = await filesUnder(0o002);
    expect(home).toBe(0o700);
    expect(Object.keys(modes)).toEqual(expect.arrayContaining(['temporal.db', 'server.json', 'temporal.log']));
    expect(new Set(Object.values(modes)), JSON.stringify(modes)).toEqual(new Set(['600']));
    expect(await modeOf(results)).toBe(0o775);
    expect(await modeOf(data)).toBe(0o775);
    expect(await modeOf(join(results, 'summary.json'))).toBe(0o664);
  });

  it('is made private if it existed before, which is reported once', async () => {
    const home = join(await temporaryFolder(), 'home');
    await mkdir(join(home, 'temporal'), { recursive: true });
    for (const name of ['temporal.db', 'temporal.db-wal', 'server.json'])
      await writeFile(join(home, 'temporal', name), '');
    await mkdir(join(home, 'models'));
    await chmod(home, 0o755);
    const lines: string[] = [];
    for (let time = 0; time < 2; time++) await makePrivateHome(home, (line) => lines.push(line));
    expect(lines).toEqual([expect.stringContaining(`${home} was readable by other users`)]);
    expect(await modeOf(home)).toBe(0o700);
    expect(new Set(Object.values(await modesIn(join(home, 'temporal'))))).toEqual(new Set(['600']));
  });

  it('must not be a folder that everyone uses', async () => {
    const home = await temporaryFolder();
    await chmod(home, 0o1777);
    const lines: string[] = [];
    await makePrivateHome(home, (line) => lines.push(line));
    expect(lines).toEqual([expect.stringContaining('REIGNITE_HOME')]);
    expect(await modeOf(home)).toBe(0o777);
  });

  it('names REIGNITE_HOME if it cannot be made', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    await expect(makePrivateHome(join(file, 'home'), () => undefined)).rejects.toMatchObject({
      code: 'NOT_WRITABLE',
      remedy: expect.stringContaining('REIGNITE_HOME'),
    });
  });
});
