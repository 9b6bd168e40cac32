import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTo } from '../../runtime/server/connection.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveStubbed, startStubbed, stubbedRun } from '../support/stubbed-run.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';

describe('an order that comes before the first step of a run', () => {
  const folder = suiteFolder();
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  it('is carried out, and the run continues when it is resumed', async () => {
    const run = stubbedRun(folder(), 2);
    const client = await connectTo(server);
    const handle = await startStubbed(client, run);
    const pausing = handle.executeUpdate('pause');
    const stop = await serveStubbed(run, server);
    try {
      await pausing;
      expect(await handle.query('control')).toMatchObject({ paused: true, interventions: [{ what: 'paused' }] });
      await handle.executeUpdate('resume');
      expect(await handle.result()).toMatchObject({ status: 'done' });
    } finally {
      await client.connection.close();
      await stop();
    }
  });
});
