// Proves the setup of docker-compose.yml without containers: PostgreSQL with TLS and password, the real Temporal
// server, an orchestration, a download and a render worker, and three inference workers that share the sample run. One
// of them loses its process group. Then the fleet is upgraded during a run: its orchestration worker is replaced by one
// with changed workflow code. The results must equal those of a run on the embedded server, bit for bit.
// Linux; needs Debian's `postgresql` and the server:
//   go install go.temporal.io/server/cmd/server@v1.32.0 go.temporal.io/server/cmd/tools/sql@v1.32.0
// Usage: npx tsx scripts/prove-fleet.ts [--bin FOLDER with `server` and `sql`] [--schema FOLDER of the server's module]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import type { Client } from '@temporalio/client';
import { RunConfig } from '../config/schema.ts';
import { QUEUES, type Queue, taskQueue } from '../config/tasks.ts';
import { connectTo } from '../runtime/server/connection.ts';
import { ACTIVITY_QUEUE, livePollers } from '../runtime/workers/pollers.ts';
import { type Place, runCommand, startCommand, until } from '../tests/support/command.ts';
import { digestsBelow } from '../tests/support/files-below.ts';
import { EARLY_PATCH, LATE_PATCH, makeNextVersion, NEXT_VERSION } from './fleet/next-version.ts';
import { startServerOnPostgres, USUAL_FILES } from './fleet/temporal-server.ts';
import { startWorkerGroup, type WorkerGroup } from './fleet/worker-group.ts';
import { type Proof, prove, roiShares } from './proof.ts';

const PROMISED = ['inference', 'confidence', 'candidates', 'metrics', 'figures'];
const FLEET: readonly Queue[] = ['orchestration', 'download', 'render', 'inference', 'inference', 'inference'];
const NAMESPACE = 'default';
const PREFIX = RunConfig.parse({ name: 'sample', record: '1' }).temporal.taskQueuePrefix;

const { values } = parseArgs({
  options: {
    bin: { type: 'string', default: USUAL_FILES.bin },
    schema: { type: 'string', default: USUAL_FILES.schema },
    profile: { type: 'string', default: 'sample' },
  },
});

await prove('fleet', async (proof) => {
  const expected = await undisturbed(proof);
  const { bin, schema } = values;
  const address = await startServerOnPostgres(proof, '127.0.0.1', { bin, schema });
  const client = await connectTo({ address, namespace: NAMESPACE, external: true });
  proof.atEnd(() => client.connection.close());
  await proveFleet(proof, client, address, expected);
});

async function undisturbed({ folder }: Proof): Promise<Record<string, string>> {
  const place: Place = { home: join(folder, 'home-embedded'), cwd: folder };
  const ended = await runCommand(runWords('embedded'), place);
  if (ended.status !== 0) throw new Error(`The undisturbed run failed: ${ended.stderr}`);
  console.log('The embedded run has ended.');
  return digestsBelow(join(folder, 'results-embedded'), PROMISED);
}

function runWords(name: string): string[] {
  const words = ['run', '--profile', values.profile, '--data', `data-${name}`, '--results', `results-${name}`];
  const settings = ['temporal.heartbeatSeconds=5', 'temporal.heartbeatThrottleSeconds=1', 'inference.threads=1'];
  return [...words, ...settings.flatMap((setting) => ['--set', setting])];
}

async function proveFleet(
  proof: Proof,
  client: Client,
  address: string,
  expected: Record<string, string>,
): Promise<void> {
  const { folder } = proof;
  const place: Place = { home: join(folder, 'home'), cwd: folder, environment: { TEMPORAL_ADDRESS: address } };
  mkdirSync(place.home, { mode: 0o700 });
  const next = makeNextVersion(join(folder, 'next'));
  const serve = (at: Place) => FLEET.map((queue) => startWorkerGroup(proof, queue, at));
  const old = serve(place);
  await untilAllPoll(client, old);
  const run = startCommand([...runWords('fleet'), '--no-workers'], place);
  proof.atEnd(() => run.process.kill('SIGKILL'));
  await Promise.race([run.shows(/he +\d of \d ROIs/), run.ended]);
  old.at(-1)?.kill();
  console.log('One of three inference workers is lost with all its processes.');
  await proveRefusal(proof, { ...place, entry: next });
  await Promise.all(old.map((worker) => worker.stop()));
  console.log(`The others are stopped; workers of version ${NEXT_VERSION} take their place.`);
  const workers = serve({ ...place, entry: next });
  const { status, stderr } = await run.ended;
  if (status !== 0) throw new Error(`The run ended with ${status}: ${stderr}${workers.map((each) => each.stderr())}`);
  tellShares(proof, join(folder, 'results-fleet'));
  await tellUpgrade(proof, client);
  const actual = await digestsBelow(join(folder, 'results-fleet'), PROMISED);
  const isSame = isDeepStrictEqual(actual, expected);
  const files = `${Object.keys(actual).length} files ${isSame ? 'bit for bit those' : 'that differ from those'}`;
  proof.figure(`${files} of the embedded run`, isSame);
}

/** Waits for all pollers: a run that starts earlier waits for queues without them. */
async function untilAllPoll({ workflowService }: Client, workers: readonly WorkerGroup[]): Promise<void> {
  for (const queue of QUEUES) {
    const wanted = FLEET.filter((each) => each === queue).length;
    await until(
      async () =>
        (await livePollers(workflowService, NAMESPACE, taskQueue(PREFIX, queue), ACTIVITY_QUEUE)).length === wanted,
      () => workers.map((worker) => worker.stderr()).join(''),
    );
  }
}

async function proveRefusal(proof: Proof, place: Place): Promise<void> {
  const early = await runCommand(['worker', '--queues', 'inference'], place);
  const isRefused = early.status !== 0 && early.stderr.includes('WORKER_VERSION');
  proof.figure(`a worker of version ${NEXT_VERSION} does not join workers of the old one`, isRefused);
}

/** Reports the ROIs per worker. */
function tellShares(proof: Proof, results: string): void {
  const { shares, repeated } = roiShares(results);
  const said = [...shares].map(([worker, rois]) => `${worker} ${rois}`).join(', ');
  proof.figure(`ROIs by worker: ${said}; attempts repeated ${repeated}`, repeated > 0);
}

/** Checks that the open run follows its old code as far as it had come, and the new code from there. */
async function tellUpgrade(proof: Proof, client: Client): Promise<void> {
  const executions = client.workflow.list({ query: "WorkflowType = 'reproduce'" });
  for await (const { workflowId } of executions) {
    const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
    const workers = new Set(
      (events ?? []).flatMap((event) => event.workflowTaskStartedEventAttributes?.identity ?? []),
    );
    const markers = (events ?? []).flatMap(({ markerRecordedEventAttributes: marker }) =>
      Object.values(marker?.details ?? {}).flatMap(({ payloads }) => payloads ?? []),
    );
    const patches = markers.map(({ data }) => Buffer.from(data ?? []).toString());
    const isUpgraded = patches.some((text) => text.includes(LATE_PATCH));
    const keepsOld = !patches.some((text) => text.includes(EARLY_PATCH));
    const said = `the open run was continued by ${workers.size - 1} orchestration worker of changed workflow code`;
    proof.figure(`${said}, behind patches`, workers.size === 2 && isUpgraded && keepsOld);
  }
}
