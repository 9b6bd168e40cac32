import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { connectTo } from '../../../runtime/server/connection.ts';
import { factsToName, listWorkers, refuseOtherVersions, workerFacts } from '../../../runtime/workers/list-workers.ts';
import { waitingActivities, workerIdentity } from '../../../runtime/workers/pollers.ts';
import { startTestServer } from '../../support/temporal.ts';

const OTHERS = { other: 'another-prefix-inference', plain: 'one-inference' };

it('lists the workers of a prefix with the facts in their heartbeats', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR'), workerHeartbeatInterval: 1_000 });
  const server = await startTestServer();
  const client = await connectTo(server);
  const connection = await NativeConnection.connect({ address: server.address });
  const facts = { ...workerFacts(false), reignite: '9.9.9' };
  const serve = async (taskQueue: string) => {
    const worker = await Worker.create({
      connection,
      taskQueue,
      identity: workerIdentity('inference'),
      activities: { inferRoi: () => Promise.resolve() },
      plugins: [{ name: factsToName(facts) }],
    });
    return { worker, running: worker.run() };
  };
  const serving = await Promise.all([serve(OTHERS.plain), serve(OTHERS.other)]);
  const list = async () => (await listWorkers(client.workflowService, server.namespace, 'one')) ?? [];
  try {
    await expect.poll(list, { timeout: 300_000 }).toHaveLength(1);
    const found = await list();
    expect(found).toMatchObject([
      { queue: 'inference', identity: workerIdentity('inference'), facts, state: 'serving', busy: 0 },
    ]);
    expect(found[0]?.freeMemory).toBeGreaterThan(0);
    expect(() => refuseOtherVersions(found, '9.9.9')).not.toThrow();
    expect(() => refuseOtherVersions(found, '1.0.0')).toThrow(
      expect.objectContaining({ code: 'WORKER_VERSION', message: expect.stringContaining('reignite 9.9.9') }),
    );
    expect(await waitingActivities(client, 'one')).toEqual([]);
  } finally {
    for (const { worker, running } of serving) {
      worker.shutdown();
      await running;
    }
    expect((await list()).filter(({ state }) => state === 'serving')).toEqual([]);
    await connection.close();
    await client.connection.close();
    await server.stop();
  }
});
