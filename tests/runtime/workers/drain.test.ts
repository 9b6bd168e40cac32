import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RunConfig } from '../../../config/schema.ts';
import { connectTo } from '../../../runtime/server/connection.ts';
import { unpolledQueues } from '../../../runtime/workers/pollers.ts';
import { hasPartial } from '../../support/chaos.ts';
import { startCommand, until } from '../../support/command.ts';
import { temporaryFolder } from '../../support/in-temporary-folder.ts';
import { startTestServer } from '../../support/temporal.ts';
import { tinyProfile, writeTinyRecord } from '../../support/tiny-record.ts';

it('finishes its open ROI before it stops, with --drain', async () => {
  const cwd = await temporaryFolder();
  const home = join(cwd, 'home');
  await writeTinyRecord(cwd, [{ name: 'patient1_he_roi1', width: 64, height: 49 }]);
  await writeFile(join(cwd, 'tiny.yaml'), tinyProfile(join(cwd, 'served')));
  const server = await startTestServer();
  const place = { home, cwd, environment: { TEMPORAL_ADDRESS: server.address } };
  const log = () => {
    const logs = join(home, 'logs');
    const names = existsSync(logs) ? readdirSync(logs).filter((name) => name.startsWith('worker-inference-')) : [];
    return names.map((name) => readFileSync(join(logs, name), 'utf8')).join('');
  };
  // The ROI is in its middle until the worker has received the signal.
  const HELD = join(cwd, 'held');
  await writeFile(`${HELD}-1`, '');
  const NODE_OPTIONS = `--import=${import.meta.resolve('../../support/hold-images.mjs')}`;
  const environment = { ...place.environment, NODE_OPTIONS, HELD };
  const worker = startCommand(['worker', '--queues', 'inference', '--drain', '3'], { ...place, environment });
  // A run that sees no poller would serve inference itself.
  const client = await connectTo(server);
  const { taskQueuePrefix } = RunConfig.parse({ name: 'tiny', record: '42' }).temporal;
  const unpolled = () => unpolledQueues(client, server.namespace, taskQueuePrefix, ['inference']);
  await until(async () => (await unpolled()).length === 0, worker.stderr);
  await client.connection.close();
  const words = ['--profile', 'tiny.yaml', '--data', 'data', '--results', 'results', '--tasks', 'he'];
  const run = startCommand(['run', ...words, '--set', 'inference.threads=1'], place);
  try {
    await until(() => hasPartial(home), run.stderr);
    worker.process.kill('SIGTERM');
    await worker.shows('open activities have 3 min to finish');
    expect(log()).not.toContain('inference is in the cache');
    await rm(`${HELD}-1`);
    await worker.ended;
    expect(log()).toContain('inference is in the cache');
  } finally {
    worker.process.kill('SIGKILL');
    run.process.kill('SIGINT');
    await run.ended;
    await server.stop();
  }
});
