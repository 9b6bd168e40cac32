import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../../toolkit/pytorch/containers/checkpoint.ts';
import { PiecesFile } from '../../../toolkit/zenodo/download/fetch-pieces.ts';
import { CLOSED, watchedHandles } from '../../support/file-handles.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

it.each([
  { of: 'a checkpoint', method: 'stat', open: (path: string) => openCheckpoint(path) },
  { of: 'pieces', method: 'truncate', open: (path: string) => PiecesFile.open(path, { size: 8, md5: '' }) },
] as const)('closes the file of $of if it cannot $method it', async ({ method, open }) => {
  const path = join(await temporaryFolder(), 'file');
  await writeFile(path, 'content');
  const { handles, restore } = await watchedHandles(method, new Error('EIO'));
  try {
    await expect(open(path)).rejects.toThrow('EIO');
    expect(handles.map(({ fd }) => fd)).toEqual([CLOSED]);
  } finally {
    restore();
  }
});
