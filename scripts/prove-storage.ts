// Proves that workers need no shared folder: a run of the sample on machines with their own network address, process
// table, host name and file system (Linux namespaces), which share only a Temporal server on PostgreSQL and a bucket.
// One worker is lost and the bucket fails for 30 s. The results must equal those of an embedded run, bit for bit, and
// no machine may download an image twice. Then a large upload is interrupted and resumed, and random faults of the
// bucket are injected: nothing may be lost or stored twice.
// Linux, as root (unshare, ip); needs an S3 server that honours If-None-Match, Debian's `postgresql`, and the Temporal
// server:
//   pip install 'moto[server]'
//   go install go.temporal.io/server/cmd/server@v1.32.0 go.temporal.io/server/cmd/tools/sql@v1.32.0
// Usage: npx tsx scripts/prove-storage.ts [--moto moto_server] [--seeds 200] [--bin FOLDER] [--schema FOLDER]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { RunConfig } from '../config/schema.ts';
import { taskQueue } from '../config/tasks.ts';
import { connectTo, freePort } from '../runtime/server/connection.ts';
import { ACTIVITY_QUEUE, livePollers } from '../runtime/workers/pollers.ts';
import { runCommand, until } from '../tests/support/command.ts';
import { digestsBelow } from '../tests/support/files-below.ts';
import { startServerOnPostgres, USUAL_FILES } from './fleet/temporal-server.ts';
import { endChild, type Proof, prove, roiShares } from './proof.ts';
import { proveFaults, proveResumedUpload } from './storage/bucket-proofs.ts';
import { type BucketProxy, startBucketProxy } from './storage/bucket-proxy.ts';
import { type Machines, makeMachines } from './storage/machines.ts';

const PROMISED = ['inference', 'confidence', 'candidates', 'metrics', 'figures'];
const OUTAGE_MS = 30_000;
const BUCKET = 'lab';
const STORAGE = `storage=s3://${BUCKET}/proof`;
const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'proof',
  AWS_SECRET_ACCESS_KEY: 'not-in-any-history',
  AWS_REGION: 'us-east-1',
};
const NAMES = ['main', 'one', 'two', 'three'] as const;
type Name = (typeof NAMES)[number];

const { values } = parseArgs({
  options: {
    moto: { type: 'string', default: 'moto_server' },
    seeds: { type: 'string', default: '200' },
    bin: { type: 'string', default: USUAL_FILES.bin },
    schema: { type: 'string', default: USUAL_FILES.schema },
  },
});

await prove('storage', async (proof) => {
  const expected = await embedded(proof);
  const moto = await startMoto(proof);
  await proveRun(proof, moto, expected);
  await proveResumedUpload(proof, moto);
  await proveFaults(proof, moto, Number(values.seeds));
});

async function embedded({ folder }: Proof): Promise<Record<string, string>> {
  const cwd = join(folder, 'embedded');
  mkdirSync(cwd);
  const ended = await runCommand([...runWords(), '--results', 'results'], { home: join(cwd, 'home'), cwd });
  if (ended.status !== 0) throw new Error(`The undisturbed run failed: ${ended.stderr}`);
  console.log('The embedded run has ended.');
  return digestsBelow(join(cwd, 'results'), PROMISED);
}

function runWords(): string[] {
  const settings = ['temporal.heartbeatSeconds=5', 'temporal.heartbeatThrottleSeconds=1', 'inference.threads=1'];
  return ['run', '--profile', 'sample', ...settings.flatMap((setting) => ['--set', setting])];
}

async function startMoto(proof: Proof): Promise<number> {
  const port = await freePort(0);
  const child = spawn(values.moto, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  proof.atEnd(() => endChild(child));
  await once(child, 'spawn');
  await until(async () => fetch(`http://127.0.0.1:${port}/`).then(Boolean, () => false));
  for (const bucket of [BUCKET, 'bucket']) {
    const made = await fetch(`http://127.0.0.1:${port}/${bucket}`, { method: 'PUT' });
    if (!made.ok) throw new Error(`The bucket was not made: ${made.status} ${await made.text()}`);
  }
  console.log(`The S3 server listens on ${port}.`);
  return port;
}

async function proveRun(proof: Proof, moto: number, expected: Record<string, string>): Promise<void> {
  const machines = makeMachines(proof, NAMES, [join(proof.folder, 'embedded')]);
  const { bin, schema } = values;
  const address = await startServerOnPostgres(proof, machines.host, { bin, schema });
  const proxies = new Map<Name, BucketProxy>();
  for (const name of NAMES) proxies.set(name, await startBucketProxy(moto, machines.host));
  for (const proxy of proxies.values()) proof.atEnd(() => proxy.close());
  const reaching = (name: Name) => ({
    ...CREDENTIALS,
    TEMPORAL_ADDRESS: address,
    AWS_ENDPOINT_URL_S3: `http://${machines.host}:${proxies.get(name)?.port}`,
  });
  const serve = (name: Name) => {
    const words = ['worker', '--queues', 'inference', '--scratch', '1', '--set', STORAGE];
    return machines.start(name, [...words, '--set', 'temporal.heartbeatThrottleSeconds=1'], reaching(name));
  };
  const workers = [serve('one'), serve('two'), serve('three')];
  await untilPolled(address, workers.length);
  const began = performance.now();
  const run = machines.start('main', [...runWords(), '--results', 'results', '--set', STORAGE], reaching('main'));
  const ended = once(run.child, 'exit');
  await Promise.race([until(() => /he +\d of \d ROIs/.test(run.said()), run.said), ended]);
  workers[0]?.child.kill('SIGKILL');
  console.log('One of three workers is lost with its whole process table.');
  for (const proxy of proxies.values()) proxy.fault = () => 503;
  console.log(`The bucket fails for ${OUTAGE_MS / 1_000} s.`);
  await sleep(OUTAGE_MS);
  for (const proxy of proxies.values()) proxy.fault = () => undefined;
  const [status] = await ended;
  if (status !== 0) throw new Error(`The run ended with ${status}: ${run.said()}`);
  const seconds = ((performance.now() - began) / 1_000).toFixed(0);
  tellShares(proof, machines);
  await tellMoved(proof, machines, proxies);
  const actual = await digestsBelow(join(machines.folderOf('main'), 'results'), PROMISED);
  const isSame = isDeepStrictEqual(actual, expected);
  const files = `${Object.keys(actual).length} files after ${seconds} s`;
  proof.figure(`${files}, ${isSame ? 'bit for bit those' : 'which differ from those'} of the embedded run`, isSame);
}

/** Waits for the pollers: a run that sees none would serve inference itself. */
async function untilPolled(address: string, workers: number): Promise<void> {
  const client = await connectTo({ address, namespace: 'default', external: true });
  const { taskQueuePrefix } = RunConfig.parse({ name: 'sample', record: '1' }).temporal;
  const queue = taskQueue(taskQueuePrefix, 'inference');
  const pollers = () => livePollers(client.workflowService, 'default', queue, ACTIVITY_QUEUE);
  await until(async () => (await pollers()).length === workers);
  await client.connection.close();
}

/** Reports the ROIs per worker. The machine with the folders must not be one of them. */
function tellShares(proof: Proof, machines: Machines<Name>): void {
  const { shares } = roiShares(join(machines.folderOf('main'), 'results'));
  const said = [...shares].map(([worker, rois]) => `${worker} ${rois}`).join(', ');
  const isElsewhere = ![...shares.keys()].some((worker) => worker.startsWith('inference-main'));
  proof.figure(`ROIs by worker: ${said}; none on the machine with the folders`, isElsewhere);
}

async function tellMoved(
  proof: Proof,
  machines: Machines<Name>,
  proxies: ReadonlyMap<Name, BucketProxy>,
): Promise<void> {
  const known = await digestsBelow(join(machines.folderOf('main'), 'home'), ['data', 'models', 'cache']);
  const names = new Map(Object.entries(known).map(([path, sha256]) => [sha256, path]));
  for (const [machine, { delivered, sent, requests }] of proxies) {
    const objects = [...delivered].filter(([path]) => path.includes('/objects/'));
    const bytes = objects.reduce((sum, [, each]) => sum + each.bytes, 0);
    const images = objects.filter(([path]) => (names.get(path.slice(-64)) ?? '').startsWith('data/'));
    const most = Math.max(0, ...images.map(([, { times }]) => times));
    const received = `${bytes} bytes of ${objects.length} objects received`;
    const said = `${machine}: ${requests} requests, ${sent} bytes sent, ${received}`;
    proof.figure(`${said}; ${images.length} files of the record, each at most ${most} times`, most <= 1);
  }
}
