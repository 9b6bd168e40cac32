import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { QUEUES } from '../../../config/tasks.ts';
import { connectTo } from '../../../runtime/server/connection.ts';
import { busyQueues, unpolledQueues, unservedQueues } from '../../../runtime/workers/pollers.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { serveStubbed, startStubbed, stubbedRun } from '../../support/stubbed-run.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';

const folder = suiteFolder();
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it('counts a worker that computes an ROI, and does not poll, as busy and not as gone', async () => {
  const client = await connectTo(server);
  const run = stubbedRun(folder(), 1);
  const prefix = run.input.config.temporal.taskQueuePrefix;
  let finish: () => void = () => undefined;
  let hasBegun = false;
  const within = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const inferRoi = async ({ roi }: { readonly roi: string }) => {
    hasBegun = true;
    await within;
    return { roi, key: 'k'.repeat(64), cached: false, seconds: 0, tiles: 30 };
  };
  const stop = await serveStubbed(run, server, { steps: { inferRoi } });
  const handle = await startStubbed(client, run);
  try {
    await expect.poll(() => hasBegun, { timeout: 300_000 }).toBe(true);
    expect(await busyQueues(client, prefix)).toEqual(new Set(['inference']));
    expect(await busyQueues(client, 'another')).toEqual(new Set());
    const now = Date.now();
    // As if none had polled for longer than the server remembers.
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 90_000);
    expect(await unpolledQueues(client, server.namespace, prefix, QUEUES)).toEqual(QUEUES);
    expect(await unservedQueues(client, server.namespace, prefix, QUEUES)).toEqual(
      QUEUES.filter((queue) => queue !== 'inference'),
    );
    clock.mockRestore();
    finish();
    await handle.result();
    expect(await busyQueues(client, prefix)).toEqual(new Set());
  } finally {
    finish();
    await stop();
    await client.connection.close();
  }
});
