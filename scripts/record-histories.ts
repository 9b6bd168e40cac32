// Records the histories on which the replay tests run new workflow code: a run of a tiny record with one damaged image,
// and runs of stubbed activities that continue as new, fail, are controlled and cancelled.
// Usage: npx tsx scripts/record-histories.ts tests/histories/<version> [SCENE...]
// Without scenes, the folder is replaced; otherwise the named scenes are added to it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { PredictImageInput } from '../activities/inputs.ts';
import { TASKS, taskQueue } from '../config/tasks.ts';
import { connectTo } from '../runtime/server/connection.ts';
import { ensureSearchAttributes } from '../runtime/server/namespace-setup.ts';
import { beQuiet, serveStubbed, startStubbed, stubbedRun } from '../tests/support/stubbed-run.ts';
import { temporalBinary } from '../tests/support/temporal.ts';
import { writeTinyRecord } from '../tests/support/tiny-record.ts';
import { predictionId } from '../workflows/ids.ts';
import type { predictImages } from '../workflows/predict-images.ts';
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes.ts';

const [target, ...wanted] = process.argv.slice(2);
if (target === undefined) throw new Error('Give the folder to write to.');
const folder = resolve(target);
const checkout = fileURLToPath(new URL('..', import.meta.url));
const entry = fileURLToPath(new URL('../bin/reignite.js', import.meta.url));
const work = await mkdtemp(join(tmpdir(), 'reignite-histories-'));
beQuiet();
// A server that suggests continue-as-new after few events instead of 4,096.
const { address, close } = await startServer(['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=40']);
const server = { address, namespace: 'default', external: true };
const client = await connectTo(server);
await ensureSearchAttributes(client.connection, server.namespace, SEARCH_ATTRIBUTES);
try {
  if (wanted.length === 0) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const scenes = { tiny: recordTiny, continued: recordContinued, failed: recordFailed, cancelled: recordCancelled };
  for (const [scene, record] of Object.entries({ ...scenes, predicted: recordPredicted })) {
    if (wanted.length === 0 || wanted.includes(scene)) await record();
  }
} finally {
  await client.connection.close();
  await close();
  await rm(work, { recursive: true, force: true });
}

async function startServer(extraArgs: string[]) {
  const executable = { type: 'existing-path', path: await temporalBinary() } as const;
  const environment = await TestWorkflowEnvironment.createLocal({ server: { executable, extraArgs } });
  return { address: environment.address, close: () => environment.teardown() };
}

/** Records a run like a user's: three tasks, two batches, one damaged image. */
async function recordTiny(): Promise<void> {
  const { served } = await writeTinyRecord(work, undefined, async (unpacked) => {
    await writeFile(join(unpacked, 'images', 'he', 'patient1_he_roi2_with_context.png'), 'no picture');
  });
  const set = [
    `zenodo.serveFrom=${served}`,
    'name=tiny',
    'record=42',
    'inference.provider=cpu',
    'temporal.batchSize=2',
  ];
  const words = ['run', '--data', 'data', '--results', 'results', ...set.flatMap((each) => ['--set', each])];
  const environment = { ...process.env, TEMPORAL_ADDRESS: address, REIGNITE_HOME: join(work, 'home') };
  const child = spawn(process.execPath, [entry, ...words], { cwd: work, stdio: 'inherit', env: environment });
  await once(child, 'exit');
  await save(client, 'tiny');
}

/** Records stages with enough batches to continue as new. */
async function recordContinued(): Promise<void> {
  const run = stubbedRun(work, 6, { name: 'continued', tasks: TASKS, temporal: prefixed('continued', 1) });
  const stop = await serveStubbed(run, server);
  await (await startStubbed(client, run)).result();
  await stop();
  await save(client, 'continued');
}

/** Records two failures: the record cannot be downloaded, a model cannot be read. */
async function recordFailed(): Promise<void> {
  for (const [name, step] of [
    ['lost', 'fetchRecord'],
    ['unread', 'prepareModel'],
  ] as const) {
    const run = stubbedRun(work, 2, { name, tasks: TASKS, temporal: prefixed(name, 1) });
    const fails = () => Promise.reject(ApplicationFailure.nonRetryable('It cannot be read.', 'CHECKPOINT_UNSAFE'));
    const stop = await serveStubbed(run, server, { steps: { [step]: fails } });
    await (await startStubbed(client, run)).result().catch(() => undefined);
    await stop();
    await save(client, name);
  }
}

/** Records runs that are controlled in every way and then cancelled: one during downloads, one while ROIs are computed. */
async function recordCancelled(): Promise<void> {
  const file = { key: 'images.zip', size: 1, md5: '0'.repeat(32), url: 'https://localhost/images.zip', part: false };
  const scenes = {
    unfetched: { downloadFile: hangs, fetchRecord: () => Promise.resolve({ id: '1', title: '', files: [file] }) },
    steered: { inferRoi: hangs },
  };
  for (const [name, steps] of Object.entries(scenes)) {
    const run = stubbedRun(work, 3, {
      name,
      tasks: TASKS,
      temporal: { ...prefixed(name, 2), heartbeatThrottleSeconds: 0.5 },
    });
    const stop = await serveStubbed(run, server, { steps });
    const handle = await startStubbed(client, run);
    const settle = () => sleep(1_500);
    await settle();
    await handle.executeUpdate('setMaxConcurrentRois', { args: [2] });
    await settle();
    await handle.executeUpdate('pause');
    await settle();
    await handle.executeUpdate('skipRoi', {
      args: [{ task: 'he', roi: 'patient1_he_roi0_with_context', reason: 'blurred' }],
    });
    await handle.executeUpdate('resume');
    await settle();
    await handle.cancel();
    await handle.result().catch(() => undefined);
    await settle();
    await stop();
    await save(client, name);
  }
}

/** Records predictions: one of two batches with an unreadable image, and others that are cancelled while they run. */
async function recordPredicted(): Promise<void> {
  const run = stubbedRun(work, 1, { name: 'predicted', temporal: prefixed('predicted', 1) });
  const choices = { resample: false, simplify: 0, minArea: 1 };
  const order = { task: 'he', model: '/model', out: '/out', session: { provider: 'cpu' }, choices } as const;
  const list = { folder: 'predict/recorded', batches: 2, total: 4 };
  const steps = {
    readImages: ({ batch }: { batch: number }) =>
      Promise.resolve([2 * batch, 2 * batch + 1].map((each) => ({ path: `/images/${each}.png`, name: `${each}` }))),
    predictImage: ({ image, list: { folder: of } }: PredictImageInput) => {
      if (of === 'predict/cancelled') return hangs();
      if (image.name !== '1') return Promise.resolve({ cached: image.name === '2' });
      return Promise.reject(ApplicationFailure.nonRetryable('It cannot be read.', 'IMAGE_UNREADABLE'));
    },
    writePrediction: () => Promise.resolve({ predicted: 3, failed: 1 }),
  };
  const stop = await serveStubbed(run, server, { steps });
  const start = (name: string, folder: string) =>
    client.workflow.start<typeof predictImages>('predictImages', {
      workflowId: predictionId('he', name),
      taskQueue: taskQueue('predicted', 'orchestration'),
      args: [{ order, list: { ...list, folder }, temporal: run.input.config.temporal }],
    });
  await (await start('predicted', list.folder)).result();
  const cancelled = await start('given-up', 'predict/cancelled');
  await sleep(1_500);
  await cancelled.cancel();
  await cancelled.result().catch(() => undefined);
  await stop();
  await save(client, 'predicted');
  await save(client, 'given-up');
}

/** An activity that runs until it is cancelled. */
async function hangs(): Promise<never> {
  const beat = setInterval(() => Context.current().heartbeat(), 200);
  return Context.current().cancelled.finally(() => clearInterval(beat));
}

function prefixed(taskQueuePrefix: string, batchSize: number) {
  return { taskQueuePrefix, batchSize };
}

/** Writes every history of the runs of one name; later executions of a workflow are numbered. */
async function save({ workflow }: Client, scene: string): Promise<void> {
  const seen = new Map<string, number>();
  const executions = [];
  for await (const found of workflow.list()) if (found.workflowId.split('/')[2] === scene) executions.push(found);
  executions.sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
  for (const { workflowId, runId, type } of executions) {
    const history = await workflow.getHandle(workflowId, runId).fetchHistory();
    // The batches of the continued runs are all alike.
    if (scene === 'continued' && type === 'inferBatch') continue;
    const count = (seen.get(workflowId) ?? 0) + 1;
    seen.set(workflowId, count);
    const place = workflowId.split('/').slice(4).join('-') || 'run';
    const name = `${type}-${scene}-${place}${count === 1 ? '' : `-${count}`}.json`;
    // Paths would reveal the location of this checkout.
    const text = historyToJSON(history).replaceAll(`file://${checkout}`, '').replaceAll(checkout, '');
    const bare: unknown = JSON.parse(text, (key, value) => (key === 'stackTrace' ? undefined : value));
    await writeFile(join(folder, name), `${JSON.stringify(bare, null, 1)}\n`);
    console.log(join(folder, name));
  }
}
