import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { misplacedFolders } from '../../../toolkit/preflight/check-record.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

async function dataWith(...folders: string[]): Promise<string> {
  const data = await temporaryFolder();
  for (const folder of folders) await mkdir(join(data, folder), { recursive: true });
  return data;
}

it('finds nothing in a correct data folder, or without a record', async () => {
  expect(await misplacedFolders(await dataWith('images/he', 'models/he', 'archives'))).toEqual([]);
  expect(await misplacedFolders(await dataWith('archives'))).toEqual([]);
  expect(await misplacedFolders(join(await dataWith(), 'nowhere'))).toEqual([]);
});

it('finds a record inside another folder', async () => {
  const data = await dataWith('ignite/images/he', 'ignite/models/he', 'notes');
  const inner = join(data, 'ignite');
  expect(await misplacedFolders(data)).toEqual([
    {
      subject: 'data folder',
      status: 'fail',
      detail: `the folders of the record are in ${inner}`,
      remedy: `Use \`--data ${inner}\`.`,
    },
  ]);
});

it('finds archives that were unpacked into folders with their names', async () => {
  const data = await dataWith('images/images/he', 'models/he');
  expect(await misplacedFolders(data)).toMatchObject([
    { subject: 'images/', remedy: `Move what is in ${join(data, 'images/images')} to ${join(data, 'images')}.` },
  ]);
});
