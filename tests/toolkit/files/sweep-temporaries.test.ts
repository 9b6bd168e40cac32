import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sweepTemporaries, temporaryPathBeside } from '../../../toolkit/files/atomic-write.ts';
import { processTableTag } from '../../../toolkit/files/process-identity.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

const ENDED = 2 ** 22 + 5;

async function folderWith(names: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const name of names) await writeFile(join(folder, name), '');
  return folder;
}

describe('sweepTemporaries', () => {
  it('removes only what dead processes of this process table left, including folders', async () => {
    const others = ['a.json', '.a.json.old.tmp', '.a.json.12.tmp', `.a.json.${process.pid}.0a1b2c3d.tmp`];
    const dead = [`.a.json.${ENDED}.${processTableTag()}0a1b2c.tmp`, `.b.json.${ENDED}.0a1b2c3d.tmp`];
    const folder = await folderWith([...others, ...dead, basename(temporaryPathBeside('/x/a.json'))]);
    await mkdir(join(folder, `.c.${ENDED}.${processTableTag()}0a1b2c.tmp`, 'd'), { recursive: true });
    await sweepTemporaries(folder);
    const left = (await readdir(folder)).filter((name) => !others.includes(name));
    expect(left).toEqual([expect.stringMatching(`^\\.a\\.json\\.${process.pid}\\.[0-9a-f]{12}\\.tmp$`)]);
  });

  it('keeps files of another machine until they are unchanged for an hour', async () => {
    const name = `.a.json.${ENDED}.ffffff0a1b2c.tmp`;
    const folder = await folderWith([name]);
    await sweepTemporaries(folder);
    expect(await readdir(folder)).toEqual([name]);
    const before = new Date(Date.now() - 3_700_000);
    await utimes(join(folder, name), before, before);
    await sweepTemporaries(folder);
    expect(await readdir(folder)).toEqual([]);
  });

  it('removes all temporaries for the only writer, also those of other processes', async () => {
    const running = temporaryPathBeside('/x/a.json');
    const other = `.b.json.${ENDED}.ffffff0a1b2c.tmp`;
    const folder = await folderWith([basename(running), `.a.json.${ENDED}.ffffff0a1b2c.tmp`, other]);
    await sweepTemporaries(folder, { of: (target) => target === 'a.json', sole: true });
    expect(await readdir(folder)).toEqual([other]);
  });

  it('does nothing if the folder does not exist', async () => {
    await sweepTemporaries(join(await temporaryFolder(), 'nowhere'));
  });
});
