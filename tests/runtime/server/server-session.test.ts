import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RunConfig } from '../../../config/schema.ts';
import { homeHolder, runningServer } from '../../../runtime/server/home-server.ts';
import { OwnerGone, openSession } from '../../../runtime/server/server-session.ts';
import { workerSettingsOf } from '../../../runtime/workers/worker-settings.ts';
import { homeFolders } from '../../../toolkit/files/folders.ts';
import { until } from '../../support/command.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { temporalBinary } from '../../support/temporal.ts';
import { startLockProcess } from './home-lock-process.ts';
import { leaveServerBehind } from './server-owner-process.ts';

const folder = suiteFolder();

it('lets a command that only queries end cleanly if the owner of the state directory exits meanwhile', async () => {
  const home = join(folder(), 'home');
  await leaveServerBehind(home, await temporalBinary());
  const owner = await startLockProcess();
  expect(await owner.order({ do: 'take', home })).toBe(true);
  const settings = workerSettingsOf(RunConfig.parse({ name: 'asked', record: '42' }));
  const session = await openSession({ home: homeFolders(home), settings, queues: [], onStep: () => undefined });
  try {
    await owner.kill();
    await until(async () => (await homeHolder(home)) === undefined);
    // `failed` has no handler when it rejects: an unhandled rejection would end the process, and fails this test.
    await sleep(1_500);
    await expect(session.failed).rejects.toThrow(OwnerGone);
  } finally {
    await session.close();
    const left = await runningServer(home);
    if (left !== undefined) process.kill(left.pid);
  }
});
