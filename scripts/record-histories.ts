// Records the histories that the replay tests hold new workflow code against: a run of a tiny record with one damaged
// image. Usage: npx tsx scripts/record-histories.ts tests/histories/<version>
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { connectTo } from '../cli/temporal/connection.ts';
import { startTestServer } from '../tests/support/temporal.ts';
import { writeTinyRecord } from '../tests/support/tiny-record.ts';

const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('Give the folder to write to.');
const folder = resolve(target);
const checkout = fileURLToPath(new URL('..', import.meta.url));
const entry = fileURLToPath(new URL('../bin/reignite.js', import.meta.url));
const work = await mkdtemp(join(tmpdir(), 'reignite-histories-'));
const server = await startTestServer();
try {
  const { served } = await writeTinyRecord(work, undefined, async (unpacked) => {
    await writeFile(join(unpacked, 'images', 'he', 'patient1_he_roi2_with_context.png'), 'no picture');
  });
  const set = [`zenodo.serve=${served}`, 'name=tiny', 'record=42', 'inference.provider=cpu', 'temporal.pageSize=2'];
  const words = ['run', '--data', 'data', '--results', 'results', ...set.flatMap((each) => ['--set', each])];
  const environment = { ...process.env, TEMPORAL_ADDRESS: server.address, REIGNITE_HOME: join(work, 'home') };
  const child = spawn(process.execPath, [entry, ...words], { cwd: work, stdio: 'inherit', env: environment });
  await once(child, 'exit');

  const client = await connectTo(server);
  await mkdir(folder, { recursive: true });
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const name = `${type}-${workflowId.split('/').slice(4).join('-') || 'run'}.json`;
    // Stack traces would tell where this checkout lies.
    const text = historyToJSON(history).replaceAll(`file://${checkout}`, '').replaceAll(checkout, '');
    await writeFile(join(folder, name), `${text}\n`);
    console.log(join(folder, name));
  }
  await client.connection.close();
} finally {
  await server.stop();
  await rm(work, { recursive: true, force: true });
}
