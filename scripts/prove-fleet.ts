// Proves the shape of docker-compose.yml without containers: PostgreSQL, the real Temporal server, an orchestration, a
// download and a render worker, three inference workers that share the sample run, one of which is killed. The results are
// held against those of a run on the embedded server, bit for bit. Linux; needs Debian's `postgresql` and the server:
//   go install go.temporal.io/server/cmd/server@v1.32.0 go.temporal.io/server/cmd/tools/sql@v1.32.0
// Usage: npx tsx scripts/prove-fleet.ts [--bin FOLDER with `server` and `sql`] [--schema FOLDER of the server's module]
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { freePort } from '../runtime/server/server-address.ts';
import { type Place, runCommand, startCommand, until, workersOf } from '../tests/support/command.ts';
import { digestsBelow } from '../tests/support/same-files.ts';
import { temporalBinary } from '../tests/support/temporal.ts';
import { TraceLine } from '../toolkit/report/trace.ts';
import { composeService } from './compose-service.ts';

const PROMISED = ['inference', 'confidence', 'candidates', 'metrics', 'figures'];
const INFERENCE_WORKERS = 3;

const { values } = parseArgs({
  options: {
    bin: { type: 'string', default: join(homedir(), 'go', 'bin') },
    schema: {
      type: 'string',
      default: join(homedir(), 'go', 'pkg', 'mod', 'go.temporal.io', 'server@v1.32.0', 'schema'),
    },
    profile: { type: 'string', default: 'sample' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'reignite-fleet-'));
chmodSync(folder, 0o755);
const children: ChildProcess[] = [];
const postgres = postgresFolder();
let database: string | undefined;

try {
  const expected = await undisturbed();
  const postgresPort = await startPostgres();
  const address = await startServer(postgresPort);
  await proveFleet(address, expected);
} finally {
  for (const child of children.reverse()) if (child.exitCode === null && child.signalCode === null) await end(child);
  if (database !== undefined) asPostgres('pg_ctl', ['-D', database, '-m', 'fast', 'stop']);
  rmSync(folder, { recursive: true, force: true });
}

async function undisturbed(): Promise<Record<string, string>> {
  const place: Place = { home: join(folder, 'home-embedded'), cwd: folder };
  const ended = await runCommand(runWords('embedded'), place);
  if (ended.status !== 0) throw new Error(`The undisturbed run failed: ${ended.stderr}`);
  console.log('The embedded run has ended.');
  return digestsBelow(join(folder, 'results-embedded'), PROMISED);
}

function runWords(name: string): string[] {
  const words = ['run', '--profile', values.profile, '--data', `data-${name}`, '--results', `results-${name}`];
  return [
    ...words,
    '--set',
    'temporal.heartbeatSeconds=5',
    '--set',
    'temporal.heartbeatThrottleSeconds=1',
    '--set',
    'inference.threads=1',
  ];
}

/** A cluster of its own; PostgreSQL refuses to run as root. */
async function startPostgres(): Promise<number> {
  const port = await freePort(0);
  database = join(folder, 'postgresql');
  mkdirSync(database);
  if (process.getuid?.() === 0) {
    const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' })));
    chownSync(database, uid ?? 0, gid ?? 0);
  }
  asPostgres('initdb', ['-D', database, '-U', 'temporal', '--auth', 'trust', '--encoding', 'UTF8']);
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${database}`;
  asPostgres('pg_ctl', ['-D', database, '-l', join(database, 'log'), '-o', options, '-w', 'start']);
  console.log(`PostgreSQL listens on ${port}.`);
  return port;
}

function asPostgres(tool: string, words: readonly string[]): void {
  const path = join(postgres, tool);
  const asRoot = process.getuid?.() === 0;
  const [file, args] = asRoot ? ['runuser', ['-u', 'postgres', '--', path, ...words]] : [path, [...words]];
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: '/' });
}

function postgresFolder(): string {
  const root = '/usr/lib/postgresql';
  const [newest] = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  return join(root, newest ?? '', 'bin');
}

/** The server keeps its ports of membership in a column of 16 bits with a sign. */
async function lowPorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let port = 20_000 + (process.pid % 10_000); ports.length < count; port++) {
    if ((await freePort(port)) === port) ports.push(port);
  }
  return ports;
}

/** Schema set-up, server and namespace with the very scripts and variables of docker-compose.yml. */
async function startServer(postgresPort: number): Promise<string> {
  const tools = join(folder, 'tools');
  mkdirSync(tools);
  symlinkSync(join(values.bin, 'sql'), join(tools, 'temporal-sql-tool'));
  symlinkSync(await temporalBinary(), join(tools, 'temporal'));
  const ports = await lowPorts(9);
  const here = { postgresPort, frontendPort: ports[0] ?? 0, schema: values.schema };
  const shell = (service: string) => {
    const { command, environment } = composeService(service, here);
    const env = { ...process.env, ...environment, PATH: `${tools}:${process.env['PATH']}` };
    execFileSync('/bin/sh', ['-euc', command.join('\n')], { stdio: 'ignore', env, timeout: 120_000 });
  };
  shell('schema');
  shell('schema');
  console.log('The schema is set up, and setting it up again changes nothing.');
  const { environment } = composeService('temporal', here);
  const dynamic = fileURLToPath(new URL('../docker/temporal-dynamic-config.yaml', import.meta.url));
  const names = ['FRONTEND_GRPC', 'FRONTEND_MEMBERSHIP', 'FRONTEND_HTTP', 'MATCHING_GRPC', 'MATCHING_MEMBERSHIP'];
  const portNames = [...names, 'HISTORY_GRPC', 'HISTORY_MEMBERSHIP', 'WORKER_GRPC', 'WORKER_MEMBERSHIP'];
  const portVariables = portNames.map((name, index) => [`${name}_PORT`, String(ports[index])]);
  start(join(values.bin, 'server'), ['start'], 'server', {
    ...environment,
    ...Object.fromEntries(portVariables),
    BIND_ON_IP: '127.0.0.1',
    DYNAMIC_CONFIG_FILE_PATH: dynamic,
  });
  shell('namespace');
  const address = `127.0.0.1:${here.frontendPort}`;
  console.log(`The Temporal server serves on ${address}.`);
  return address;
}

async function proveFleet(address: string, expected: Record<string, string>): Promise<void> {
  const home = join(folder, 'home');
  const place: Place = { home, cwd: folder, environment: { TEMPORAL_ADDRESS: address } };
  const serve = (queue: string) =>
    startCommand(['worker', '--queues', queue, '--set', 'temporal.heartbeatThrottleSeconds=1'], place);
  const others = ['orchestration', 'download', 'render'].map(serve);
  const inference = Array.from({ length: INFERENCE_WORKERS }, () => serve('inference'));
  children.push(...[...others, ...inference].map((command) => command.process));
  await Promise.all([...others, ...inference].map((command) => command.shows('Serves')));
  const run = startCommand([...runWords('fleet'), '--no-workers'], place);
  await run.shows('Started');
  await until(() => run.stderr().includes('he '), run.stderr);
  await sleep(2_000);
  const [victim] = inference;
  victim?.process.kill('SIGKILL');
  console.log('One of three inference workers is killed.');
  const { status, stderr } = await run.ended;
  if (status !== 0) throw new Error(`The run ended with ${status}: ${stderr}`);
  const shares = sharesOf(join(folder, 'results-fleet'));
  for (const [worker, rois] of shares) console.log(`${worker}: ${rois} ROIs`);
  const actual = await digestsBelow(join(folder, 'results-fleet'), PROMISED);
  if (!isDeepStrictEqual(actual, expected)) throw new Error('The results differ.');
  console.log(`${Object.keys(actual).length} files of ${shares.size} workers, bit for bit those of the embedded run.`);
  console.log(`Workers of the home that are left: ${Object.keys(workersOf(home)).join(', ')}`);
}

/** ROIs by the worker that inferred them. */
function sharesOf(results: string): Map<string, number> {
  const shares = new Map<string, number>();
  for (const line of readFileSync(join(results, 'trace.jsonl'), 'utf8').trim().split('\n')) {
    const { step, worker } = TraceLine.parse(JSON.parse(line));
    if (step === 'inferRoi') shares.set(worker, (shares.get(worker) ?? 0) + 1);
  }
  return shares;
}

function start(file: string, words: readonly string[], name: string, environment: Record<string, string>): void {
  const log = openSync(join(folder, `${name}.log`), 'a');
  children.push(spawn(file, words, { stdio: ['ignore', log, log], env: { ...process.env, ...environment } }));
  closeSync(log);
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 25_000);
  await gone;
  clearTimeout(late);
}
