import { once } from 'node:events';
import { expect, it } from 'vitest';
import { connectTo } from '../../../runtime/server/connection.ts';
import { startTestServer } from '../../support/temporal.ts';

it('fails a call that waits to be retried when its connection is closed, and ends no process', async () => {
  const server = await startTestServer();
  const { connection } = await connectTo(server);
  await server.stop();
  const failed = connection.workflowService.getClusterInfo({}).then(
    () => 'answered',
    (error: unknown) => String(error),
  );
  const thrown = once(process, 'uncaughtException').then(([error]) => `thrown: ${error}`);
  await connection.close();
  expect(await Promise.race([failed, thrown])).toMatch(/CANCELLED/);
});
