import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { updateRun } from '../../runtime/run/run-handle.ts';
import { connectTo } from '../../runtime/server/connection.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveStubbed, startStubbed, stubbedRun } from '../support/stubbed-run.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';

describe('an update of a run', () => {
  const folder = suiteFolder();
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  it('that comes before the first activity of the run is carried out, and the run continues when it is resumed', async () => {
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

  it('skips an ROI of one task, and is rejected without a task', async () => {
    const run = stubbedRun(folder(), 2, { name: 'skip' });
    const client = await connectTo(server);
    const handle = await startStubbed(client, run);
    const pausing = handle.executeUpdate('pause');
    const inferred: string[] = [];
    const stop = await serveStubbed(run, server, { onInferred: (roi) => inferred.push(roi) });
    try {
      await pausing;
      const roi = 'patient1_he_roi0_with_context';
      for (const task of [undefined, 'pdl1']) {
        const useless = handle.executeUpdate('skipRoi', { args: [{ task, roi, reason: 'out of focus' }] });
        const cause = { message: expect.stringContaining('Expected a task of the run (he)') };
        await expect(useless).rejects.toMatchObject({ cause });
      }
      await updateRun(client, run.id, { name: 'skipRoi', argument: { task: 'he', roi, reason: 'out of focus' } });
      await handle.executeUpdate('resume');
      expect(await handle.result()).toMatchObject({ status: 'partial' });
      expect(inferred).toEqual(['patient2_he_roi1_with_context']);
    } finally {
      await client.connection.close();
      await stop();
    }
  });
});
