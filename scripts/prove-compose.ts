// Proves that docker-compose.yml works for a user, with a real container engine: builds and starts a copy of this
// checkout made under umask 077, with the steps at the head of the file. Runs the sample in it twice. In the second
// run, one inference worker loses its process group, the containers of another one and of the database are killed, and
// everything killed is started again. Both results must equal those of an embedded run, bit for bit. Everything is
// removed at the end.
// Linux; needs Docker with compose (Debian: docker.io, docker-compose). If no engine runs and the user is root, it
// starts one. If no registry can be reached, it makes replacements for the images (Debian: debootstrap), with programs
// built from source:
//   go install go.temporal.io/server/cmd/server@v1.32.0 go.temporal.io/server/cmd/tools/sql@v1.32.0
//   GOBIN=~/go/bin/ui go install github.com/temporalio/ui-server/v2/cmd/server@v2.54.1
// Usage: npx tsx scripts/prove-compose.ts [--no-pull] [--bin FOLDER] [--ui FILE] [--images FOLDER that keeps images]
//   [--picture FILE: a picture of the Temporal UI, taken with Chromium]
import { execFileSync, spawn } from 'node:child_process';
import { chownSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { freePort } from '../runtime/server/connection.ts';
import { runCommand, until } from '../tests/support/command.ts';
import { digestsBelow } from '../tests/support/files-below.ts';
import { type Engine, findEngine } from './compose/engine.ts';
import { provideImages } from './compose/stand-ins.ts';
import { type Proof, prove, roiShares } from './proof.ts';

const PROMISED = ['inference', 'confidence', 'candidates', 'metrics', 'figures'];
const RUN = ['run', '--profile', 'sample', '--set', 'inference.threads=1', '--set', 'temporal.heartbeatSeconds=5'];
const IMAGE = 'reignite:0.1.0';
const LARGEST_IMAGE_MB = 700;
/** User ID in the image. */
const USER = 1000;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PASSWORD = 'not-to-be-guessed';
const KILL_GROUP = readFileSync(new URL('compose/kill-process-group.js', import.meta.url), 'utf8');

const { values } = parseArgs({
  options: {
    'no-pull': { type: 'boolean', default: false },
    bin: { type: 'string', default: join(homedir(), 'go', 'bin') },
    ui: { type: 'string', default: join(homedir(), 'go', 'bin', 'ui', 'server') },
    images: { type: 'string' },
    picture: { type: 'string' },
  },
});

/** The compose project, in the copy of the checkout. */
interface Project {
  readonly engine: Engine;
  readonly folder: string;
  readonly name: string;
  readonly uiPort: number;
  compose(...words: string[]): Promise<string>;
}

await prove('compose', async (proof) => {
  const engine = await findEngine(proof, values.images);
  if (engine === undefined) {
    return proof.figure('No container engine is at hand (docker with compose): nothing was proven.', false);
  }
  const expected = await embedded(proof);
  const made = await provideImages(engine, {
    folder: proof.folder,
    programs: { bin: values.bin, ui: values.ui },
    pull: !values['no-pull'],
  });
  if (made.length > 0) console.log(`Stand-ins were made of ${made.join(', ')}.`);
  const project = await copyOfCheckout(proof, engine);
  await project.compose('build');
  await tellImage(proof, engine);
  await proveUndisturbed(proof, project, expected);
  await proveDatabase(proof, project);
  await proveLosses(proof, project, expected);
  await proveUi(proof, project);
  proof.figure(`${engine.name}; stand-ins of images: ${made.length === 0 ? 'none made now' : made.join(', ')}`);
});

async function embedded({ folder }: Proof): Promise<Record<string, string>> {
  const cwd = join(folder, 'embedded');
  mkdirSync(cwd);
  const ended = await runCommand([...RUN, '--results', 'results'], { home: join(cwd, 'home'), cwd });
  if (ended.status !== 0) throw new Error(`The embedded run failed: ${ended.stderr}`);
  console.log('The embedded run has ended.');
  return digestsBelow(join(cwd, 'results'), PROMISED);
}

/** Copies the tracked files, readable only by their owner, and adds .env and folders as the compose file says. */
async function copyOfCheckout(proof: Proof, engine: Engine): Promise<Project> {
  const folder = join(proof.folder, 'checkout');
  mkdirSync(folder);
  const copy = 'umask 077; git ls-files -z | tar --null -T - -c | tar -x --no-same-permissions -C "$1"';
  execFileSync('bash', ['-c', `set -euo pipefail; ${copy}`, 'copy', folder], { cwd: ROOT });
  cpSync(join(folder, '.env.example'), join(folder, '.env'));
  const [port, uiPort] = [await freePort(0), await freePort(0)];
  const env = readFileSync(join(folder, '.env'), 'utf8')
    .replace('POSTGRES_PASSWORD=', `POSTGRES_PASSWORD=${PASSWORD}`)
    .replace('TEMPORAL_PORT=7233', `TEMPORAL_PORT=${port}`)
    .replace('TEMPORAL_UI_PORT=8233', `TEMPORAL_UI_PORT=${uiPort}`);
  writeFileSync(join(folder, '.env'), env);
  for (const name of ['data', 'results']) {
    mkdirSync(join(folder, name), { recursive: true });
    if (process.getuid?.() === 0) chownSync(join(folder, name), USER, USER);
  }
  const name = `reignite-proof-${process.pid}`;
  const compose = (...words: string[]) => engine.compose(['--project-name', name, ...words], folder);
  // Not `engine.compose`, whose commands end with the proof's signal.
  proof.atEnd(() => {
    const [first, ...others] = engine.composeCommand;
    const words = ['--project-name', name, 'down', '--volumes', '--remove-orphans', '--timeout', '5'];
    execFileSync(first, [...others, ...words], { cwd: folder, env: engine.environment, stdio: 'ignore' });
  });
  return { engine, folder, name, uiPort, compose };
}

async function tellImage(proof: Proof, { docker }: Engine): Promise<void> {
  const megabytes = Number(await docker(['image', 'inspect', '--format', '{{.Size}}', IMAGE])) / 1e6;
  const text = `image of ${megabytes.toFixed(0)} MB, promised: less than ${LARGEST_IMAGE_MB}`;
  proof.figure(text, megabytes < LARGEST_IMAGE_MB);
}

async function proveUndisturbed(proof: Proof, project: Project, expected: Record<string, string>): Promise<void> {
  const began = performance.now();
  await project.compose('up', '--detach', '--scale', 'inference=3');
  const up = performance.now();
  await startRun(project, ['--results', 'results/first']).ended;
  const [started, all] = [up - began, performance.now() - began].map((ms) => (ms / 1_000).toFixed(0));
  proof.figure(`${all} s from \`up\` to the finished sample, ${started} s of them until all containers had started`);
  await compare(proof, 'undisturbed', join(project.folder, 'results', 'first'), expected);
  await until(async () => (await unhealthy(project)).length === 0);
  proof.figure('every container with a health check is healthy');
}

/** Returns the names of containers that fail their health check. */
async function unhealthy({ engine, name }: Project): Promise<string[]> {
  const project = `label=com.docker.compose.project=${name}`;
  const text = await engine.docker(['ps', '--filter', project, '--format', '{{.Names}}\t{{.Status}}']);
  const lines = text.split('\n').map((line) => line.split('\t'));
  return lines.flatMap(([container, status]) => (/unhealthy|starting/.test(status ?? '') ? [container ?? ''] : []));
}

async function proveDatabase(proof: Proof, project: Project): Promise<void> {
  const [container] = await containersOf(project, 'postgresql');
  if (container === undefined) throw new Error('The database does not run.');
  const ask = (connection: string, environment: readonly string[]) =>
    project.engine.docker([
      ...['exec', ...environment.flatMap((each) => ['--env', each]), container],
      ...['psql', '--no-password', '--tuples-only', '--no-align', `${connection} host=127.0.0.1 user=temporal`],
      ...[
        '--command',
        "select string_agg(distinct ssl::text, ',') from pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null",
      ],
    ]);
  const password = [`PGPASSWORD=${PASSWORD}`];
  const isRefused = (connection: string, environment: readonly string[]) =>
    ask(connection, environment).then(
      () => false,
      (error: unknown) => /no encryption|no password/.test(String(error)),
    );
  const encrypted = await ask('sslmode=require', password);
  proof.figure('every connection to the database is encrypted', encrypted === 'true');
  const refused = (await isRefused('sslmode=disable', password)) && (await isRefused('sslmode=require', []));
  proof.figure('the database refuses connections without TLS, and without the password', refused);
}

async function proveLosses(proof: Proof, project: Project, expected: Record<string, string>): Promise<void> {
  const run = startRun(project, ['--fresh', '--results', 'results/second']);
  await Promise.race([until(() => /he +\d of \d ROIs/.test(run.said()), run.said), run.ended]);
  const [first, second] = await containersOf(project, 'inference');
  const [database] = await containersOf(project, 'postgresql');
  if (first === undefined || second === undefined || database === undefined) throw new Error('Containers are missing.');
  const { docker } = project.engine;
  // The command ends with the container in which it runs.
  await docker(['exec', first, 'node', '-e', KILL_GROUP]).catch(() => undefined);
  await docker(['kill', second]);
  await docker(['kill', database]);
  console.log('A process group, the container of another worker, and that of the database were killed.');
  await project.compose('up', '--detach', '--no-recreate', '--scale', 'inference=3');
  await run.ended;
  const restarts = Number(await docker(['inspect', '--format', '{{.RestartCount}}', first]));
  proof.figure(`the worker without processes was restarted ${restarts} times by the engine`, restarts > 0);
  await compare(proof, 'with losses', join(project.folder, 'results', 'second'), expected);
}

async function containersOf({ compose }: Project, service: string): Promise<string[]> {
  return (await compose('ps', '--quiet', service)).split('\n').filter((id) => id !== '');
}

/** Starts a run as a user does, in its own container. */
function startRun({ engine, folder, name }: Project, words: readonly string[]) {
  const [first, ...others] = engine.composeCommand;
  const run = ['--project-name', name, 'run', '--rm', '-T', 'cli', ...RUN, ...words];
  const child = spawn(first, [...others, ...run], {
    cwd: folder,
    env: engine.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const ended = new Promise<void>((resolve, reject) => {
    child.once('close', (status) => (status === 0 ? resolve() : reject(new Error(`Exit status ${status}: ${said}`))));
  });
  return { said: () => said, ended };
}

async function compare(proof: Proof, name: string, results: string, expected: Record<string, string>): Promise<void> {
  const actual = await digestsBelow(results, PROMISED);
  const { shares, repeated } = roiShares(results);
  const isSame = isDeepStrictEqual(actual, expected);
  const files = `${Object.keys(actual).length} files ${isSame ? 'bit for bit those' : 'that differ from those'}`;
  const rois = `ROIs by worker ${[...shares.values()].join(', ')}; attempts repeated ${repeated}`;
  proof.figure(`${name}: ${files} of the embedded run (${rois})`, isSame);
}

/** Checks that the UI lists both runs, with the request that its page sends. */
async function proveUi(proof: Proof, { uiPort }: Project): Promise<void> {
  const query = encodeURIComponent("WorkflowType = 'reproduce' AND ExecutionStatus = 'Completed'");
  const answer = await fetch(`http://127.0.0.1:${uiPort}/api/v1/namespaces/default/workflows?query=${query}`);
  const { executions } = Object(await answer.json());
  const listed = Array.isArray(executions) ? executions.length : 0;
  proof.figure(`the Temporal UI lists ${listed} completed runs`, listed === 2);
  if (values.picture === undefined) return;
  const page = `http://127.0.0.1:${uiPort}/namespaces/default/workflows`;
  const words = ['--headless', '--no-sandbox', '--window-size=1400,900', '--virtual-time-budget=20000'];
  execFileSync('chromium', [...words, `--screenshot=${resolve(values.picture)}`, page], { stdio: 'ignore' });
}
