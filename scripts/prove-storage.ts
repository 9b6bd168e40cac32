// Proves that workers need no shared folder: a run of the sample whose inference workers have a process table, a host name
// and a file system of their own (the folders of the others are hidden), and nothing in common but a Temporal server and a
// bucket. One worker is lost and the bucket fails for 30 s; the results are held against those of an embedded run, bit for
// bit, and no object may have come to a worker twice. Afterwards random faults of the bucket: nothing may be lost or stored
// twice. Linux, as root (unshare); needs an S3 server that honours If-None-Match:
//   pip install 'moto[server]'
// Usage: npx tsx scripts/prove-storage.ts [--moto moto_server] [--seeds 200]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { startEmbeddedServer } from '../runtime/server/embedded-server.ts';
import { freePort } from '../runtime/server/server-address.ts';
import { playBucketFaults } from '../tests/support/bucket-faults.ts';
import { runCommand, until } from '../tests/support/command.ts';
import { digestsBelow } from '../tests/support/same-files.ts';
import { temporalBinary } from '../tests/support/temporal.ts';
import { TraceLine } from '../toolkit/report/trace.ts';
import { type BucketProxy, startBucketProxy } from './storage/bucket-proxy.ts';

const PROMISED = ['inference', 'confidence', 'candidates', 'metrics', 'figures'];
const OUTAGE_MS = 30_000;
const BUCKET = 'lab';
const ENTRY = fileURLToPath(new URL('../bin/reignite.js', import.meta.url));
const CREDENTIALS = {
  AWS_ACCESS_KEY_ID: 'proof',
  AWS_SECRET_ACCESS_KEY: 'not-in-any-history',
  AWS_REGION: 'us-east-1',
};

const { values } = parseArgs({
  options: {
    moto: { type: 'string', default: 'moto_server' },
    seeds: { type: 'string', default: '200' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'reignite-storage-'));
const machines = ['main', 'one', 'two', 'three'] as const;
type Machine = (typeof machines)[number];
const children: ChildProcess[] = [];
const closing: (() => unknown)[] = [];

interface Seen {
  readonly child: ChildProcess;
  readonly said: () => string;
}

try {
  const expected = await undisturbed();
  const moto = await startMoto();
  await proveRun(moto, expected);
  await proveFaults(moto);
} finally {
  for (const child of children.reverse()) await end(child);
  for (const close of closing.reverse()) await close();
  rmSync(folder, { recursive: true, force: true });
}

async function undisturbed(): Promise<Record<string, string>> {
  const words = [...runWords(), '--results', 'results'];
  const place = { home: join(folder, 'embedded', 'home'), cwd: join(folder, 'embedded') };
  mkdirSync(place.cwd, { recursive: true });
  const ended = await runCommand(words, place);
  if (ended.status !== 0) throw new Error(`The undisturbed run failed: ${ended.stderr}`);
  console.log('The embedded run has ended.');
  return digestsBelow(join(place.cwd, 'results'), PROMISED);
}

function runWords(): string[] {
  const settings = ['temporal.heartbeatSeconds=5', 'temporal.throttleSeconds=1', 'inference.threads=1'];
  return ['run', ...settings.flatMap((setting) => ['--set', setting])];
}

async function startMoto(): Promise<number> {
  const port = await freePort(0);
  const child = spawn(values.moto, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  children.push(child);
  await until(async () => fetch(`http://127.0.0.1:${port}/`).then(Boolean, () => false));
  const made = await fetch(`http://127.0.0.1:${port}/${BUCKET}`, { method: 'PUT' });
  await fetch(`http://127.0.0.1:${port}/bucket`, { method: 'PUT' });
  if (!made.ok) throw new Error(`The bucket was not made: ${made.status} ${await made.text()}`);
  console.log(`The S3 server listens on ${port}.`);
  return port;
}

/** A command that sees its own processes, and of the folders of the machines its own alone. */
function startOn(machine: Machine, words: readonly string[], environment: Record<string, string>): Seen {
  const home = join(folder, machine);
  const hidden = [...machines, 'embedded'].filter((other) => other !== machine).map((other) => join(folder, other));
  const script = [
    'set -e',
    ...hidden.map((other) => `mkdir -p ${other} && mount -t tmpfs none ${other}`),
    `hostname ${machine}`,
    `cd ${home}`,
    `exec ${process.execPath} ${ENTRY} ${words.map((word) => `'${word}'`).join(' ')}`,
  ].join('\n');
  const flags = ['--mount', '--pid', '--uts', '--fork', '--mount-proc', '--kill-child'];
  const child = spawn('unshare', [...flags, '/bin/bash', '-c', script], {
    env: { ...process.env, ...CREDENTIALS, ...environment, REIGNITE_HOME: join(home, 'home') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  return { child, said: () => said };
}

async function proveRun(moto: number, expected: Record<string, string>): Promise<void> {
  for (const machine of [...machines, 'temporal']) mkdirSync(join(folder, machine), { recursive: true });
  const server = await startEmbeddedServer({
    home: join(folder, 'temporal'),
    binary: await temporalBinary(),
    ports: { grpc: 0, ui: 0 },
  });
  closing.push(() => server.stop());
  const proxies = new Map<Machine, BucketProxy>();
  for (const machine of machines) proxies.set(machine, await startBucketProxy(moto));
  for (const proxy of proxies.values()) closing.push(() => proxy.close());
  const storage = `storage=s3://${BUCKET}/proof`;
  const reaching = (machine: Machine) => ({
    TEMPORAL_ADDRESS: server.address,
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${proxies.get(machine)?.port}`,
  });
  const serve = (machine: Machine) => {
    const words = ['worker', '--queues', 'inference', '--scratch', '1', '--set', storage];
    return startOn(machine, [...words, '--set', 'temporal.throttleSeconds=1'], reaching(machine));
  };
  const workers = [serve('one'), serve('two'), serve('three')];
  for (const { said } of workers) await until(() => said().includes('Serves'), said);
  await sleep(5_000);
  const started = performance.now();
  const run = startOn('main', [...runWords(), '--results', 'results', '--set', storage], reaching('main'));
  const ended = once(run.child, 'exit');
  await until(() => /he +\d of \d ROIs/.test(run.said()), run.said);
  const [victim] = workers;
  victim?.child.kill('SIGKILL');
  console.log('One of three workers is lost with its whole process table.');
  for (const proxy of proxies.values()) proxy.fault = () => 503;
  console.log(`The bucket fails for ${OUTAGE_MS / 1_000} s.`);
  await sleep(OUTAGE_MS);
  for (const proxy of proxies.values()) proxy.fault = () => undefined;
  const [status] = await ended;
  if (status !== 0) throw new Error(`The run ended with ${status}: ${run.said()}`);
  const results = join(folder, 'main', 'results');
  tellShares(results);
  await tellMoved(proxies);
  const actual = await digestsBelow(results, PROMISED);
  if (!isDeepStrictEqual(actual, expected)) throw new Error('The results differ.');
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.log(`${Object.keys(actual).length} files after ${seconds} s, bit for bit those of the embedded run.`);
}

/** ROIs by the worker that inferred them. The machine with the folders may not be one of them. */
function tellShares(results: string): void {
  const shares = new Map<string, number>();
  for (const line of readFileSync(join(results, 'trace.jsonl'), 'utf8').trim().split('\n')) {
    const { step, worker } = TraceLine.parse(JSON.parse(line));
    if (step === 'inferRoi') shares.set(worker, (shares.get(worker) ?? 0) + 1);
  }
  for (const [worker, rois] of shares) console.log(`${worker}: ${rois} ROIs`);
  if ([...shares.keys()].some((worker) => worker.startsWith('inference-main'))) {
    throw new Error('The machine with the folders has inferred an ROI.');
  }
}

async function tellMoved(proxies: ReadonlyMap<Machine, BucketProxy>): Promise<void> {
  const main = join(folder, 'main', 'home');
  const known = await digestsBelow(main, ['data', 'models', 'cache']);
  const names = new Map(Object.entries(known).map(([path, sha256]) => [sha256, path]));
  for (const [machine, { delivered, sent, requests }] of proxies) {
    const objects = [...delivered].filter(([path]) => path.includes('/objects/'));
    const bytes = objects.reduce((sum, [, each]) => sum + each.bytes, 0);
    const received = `${bytes} bytes of ${objects.length} objects received`;
    console.log(`${machine}: ${requests} requests, ${sent} bytes sent, ${received}`);
    for (const [path, { times }] of objects.filter((each) => each[1].times > 1)) {
      const name = names.get(path.slice(-64)) ?? path;
      console.log(`${machine}: ${name} came ${times} times`);
      if (name.startsWith('data/')) throw new Error('A file of the record came to a machine twice.');
    }
  }
}

async function proveFaults(moto: number): Promise<void> {
  const proxy = await startBucketProxy(moto);
  closing.push(() => proxy.close());
  const credentials = { accessKeyId: 'proof', secretAccessKey: 'proof' };
  const client = { endpoint: `http://127.0.0.1:${proxy.port}`, region: 'us-east-1', credentials };
  const bucket = {
    options: { client, retries: { attempts: 4, firstMs: 5, longestMs: 20 } },
    setFaults: (decide: BucketProxy['fault']) => {
      proxy.fault = decide;
    },
  };
  let faults = 0;
  let retried = 0;
  const seeds = Number(values.seeds);
  for (let seed = 0; seed < seeds; seed++) {
    const outcome = await playBucketFaults(bucket, { seed, share: 0.3, root: join(folder, `seed-${seed}`) });
    faults += outcome.faults;
    retried += outcome.retried;
    rmSync(join(folder, `seed-${seed}`), { recursive: true, force: true });
  }
  const { stored, missing } = await countStored(moto, seeds);
  console.log(
    `${seeds} schedules: ${faults} faults, ${retried} attempts repeated, ${stored} results stored, ${missing} lost.`,
  );
  if (missing !== 0) throw new Error('A result is lost, or was stored more than once.');
}

/** Three results each. */
async function countStored(moto: number, seeds: number): Promise<{ stored: number; missing: number }> {
  let stored = 0;
  for (let seed = 0; seed < seeds; seed++) {
    for (const kind of ['cache', 'objects']) {
      const list = await fetch(`http://127.0.0.1:${moto}/bucket?list-type=2&prefix=seed-${seed}/${kind}/`);
      const keys = (await list.text()).match(/<Key>/g)?.length ?? 0;
      if (keys !== 3) throw new Error(`Seed ${seed}: ${keys} ${kind} instead of 3.`);
      if (kind === 'cache') stored += keys;
    }
  }
  return { stored, missing: seeds * 3 - stored };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await gone;
  clearTimeout(late);
}
