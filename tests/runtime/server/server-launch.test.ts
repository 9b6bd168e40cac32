import { join } from 'node:path';
import { expect, it } from 'vitest';
import { launchServer } from '../../../runtime/server/server-launch.ts';
import { CLOSED, watchedHandles } from '../../support/file-handles.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';

it.each([
  { when: 'its size cannot be read', folder: 'folder', error: new Error('EIO') },
  { when: 'no process can be started', folder: 'a\0folder', error: undefined },
])('closes the log of the server if $when', async ({ folder, error }) => {
  const logs = join(await temporaryFolder(), 'logs');
  const ports = { grpcPort: 1, uiPort: 2, readyWithinMs: 0, signal: undefined };
  const { handles, restore } = await watchedHandles('stat', error);
  try {
    const launch = launchServer({ binary: process.execPath, folder, database: 'runs.db', logs, ...ports });
    await expect(launch).rejects.toThrow(error?.message ?? 'null bytes');
    expect(handles.map(({ fd }) => fd)).toEqual([CLOSED]);
  } finally {
    restore();
  }
});
