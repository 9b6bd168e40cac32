import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRun } from '../../../runtime/run/start-run.ts';
import { connectTo } from '../../../runtime/server/connection.ts';
import { workflowBundle } from '../../../runtime/workers/workflow-bundle.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { stubbedRun } from '../../support/stubbed-run.ts';
import { startTestServer, type TestServer } from '../../support/temporal.ts';

describe('startRun', () => {
  const folder = suiteFolder();
  let server: TestServer;
  let client: Awaited<ReturnType<typeof connectTo>>;
  beforeAll(async () => {
    server = await startTestServer();
    client = await connectTo(server);
  });
  afterAll(async () => {
    await client.connection.close();
    await server.stop();
  });

  /** A run that is open, and that no worker serves: started with the workflows of `digest`. */
  async function openRun(digest: string) {
    const name = randomUUID();
    const run = stubbedRun(join(folder(), name), 1, { name });
    await start(client, run.id, digest);
    return run;
  }
  const start = ({ workflow }: Client, workflowId: string, workflows: string) =>
    workflow.start('reproduce', { workflowId, taskQueue: 'unserved', args: [], memo: { workflows } });
  const statuses = async (id: string) => {
    const found: string[] = [];
    for await (const { status } of client.workflow.list({ query: `WorkflowId = "${id}"` })) found.push(status.name);
    return found.sort();
  };

  it('restarts an open run of other workflow code on the embedded server, and says so', async () => {
    const run = await openRun('0123456789abcdef');
    const steps: string[] = [];
    expect(await startRun(client, server, run, (line) => steps.push(line))).toBe('started');
    expect(steps.join()).toContain('another version of reignite');
    await expect.poll(() => statuses(run.id)).toEqual(['RUNNING', 'TERMINATED']);
  });

  it('attaches to an open run of the same code', async () => {
    const run = await openRun((await workflowBundle()).digest);
    expect(await startRun(client, server, run, () => undefined)).toBe('attached');
    expect(await statuses(run.id)).toEqual(['RUNNING']);
  });

  it('rejects attaching with another storage, which lacks the files of the run', async () => {
    const run = await openRun((await workflowBundle()).digest);
    const config = { ...run.input.config, storage: 's3://bucket/other' };
    const asked = { ...run, input: { ...run.input, config } };
    await expect(startRun(client, server, asked, () => undefined)).rejects.toMatchObject({
      code: 'RUN_OPEN',
      message: expect.stringContaining('storage none instead of s3://bucket/other'),
    });
  });

  it('does not restart an open run of other code on a shared server: workflows are patched there', async () => {
    const run = await openRun('0123456789abcdef');
    await startRun(client, { ...server, external: true }, run, () => undefined);
    expect(await statuses(run.id)).toEqual(['RUNNING']);
  });
});
