import { expect, it } from 'vitest';
import { QUEUES } from '../../../config/tasks.ts';
import { connectTo } from '../../../runtime/server/connection.ts';
import { unpolledQueues } from '../../../runtime/workers/pollers.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { serveStubbed, stubbedRun } from '../../support/stubbed-run.ts';
import { startTestServer } from '../../support/temporal.ts';

const folder = suiteFolder();

it('finds the queues that no worker polls', async () => {
  const server = await startTestServer();
  const client = await connectTo(server);
  const run = stubbedRun(folder(), 1);
  const stop = await serveStubbed(run, server);
  try {
    const unpolled = (prefix: string) => unpolledQueues(client, server.namespace, prefix, QUEUES);
    expect(await unpolled('unserved')).toEqual(QUEUES);
    await expect.poll(() => unpolled(run.input.config.temporal.taskQueuePrefix), { timeout: 300_000 }).toEqual([]);
  } finally {
    await stop();
    await client.connection.close();
    await server.stop();
  }
});
