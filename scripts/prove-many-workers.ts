// Proves that many workers cost little more than one: 1,000 ROIs whose inference only waits, with one inference worker
// and then with eight, each in its own process table (Linux namespaces, as root). No ROI may be computed twice, and the
// CPU time per ROI of server, orchestration and workers together may be at most 1.5 times that with one worker. Wall
// time would say little with eight workers on two cores. The CPU time of the idle processes is measured before and
// subtracted, because one worker takes longer and idles more.
// Usage: npx tsx scripts/prove-many-workers.ts [--rois 1000] [--workers 8] [--wait 50]
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { QUEUES, taskQueue } from '../config/tasks.ts';
import { connectTo } from '../runtime/server/connection.ts';
import { startEmbeddedServer } from '../runtime/server/embedded-server.ts';
import { ACTIVITY_QUEUE, livePollers } from '../runtime/workers/pollers.ts';
import { serverPidOf, until } from '../tests/support/command.ts';
import { serveStubbed, startStubbed, stubbedRun } from '../tests/support/stubbed-run.ts';
import { ANY_PORTS, temporalBinary } from '../tests/support/temporal.ts';
import { readTextIfThere } from '../toolkit/files/file-access.ts';
import { endChild, type Proof, prove } from './proof.ts';

const MOST = 1.5;
/** ROIs per worker before the measurement: a new process compiles its code first. */
const WARM_UP = 50;
/** How long the idle processes are measured. */
const IDLE_MS = 15_000;
const OTHERS = QUEUES.filter((queue) => queue !== 'inference');
const WORKER = fileURLToPath(new URL('fleet/stub-worker.ts', import.meta.url));
const CLOCK_HZ = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

const { values } = parseArgs({
  options: {
    rois: { type: 'string', default: '1000' },
    workers: { type: 'string', default: '8' },
    wait: { type: 'string', default: '50' },
  },
});
const ROIS = Number(values.rois);

/** CPU time of all processes together per ROI, ms. */
interface Measured {
  readonly all: number;
  /** Without the CPU time of idle processes. */
  readonly work: number;
}

await prove('many-workers', async (proof) => {
  const one = await measure(proof, 1);
  const many = await measure(proof, Number(values.workers));
  const [work, all] = [many.work / one.work, many.all / one.all];
  const times = `${work.toFixed(2)} times that of one worker (waiting included: ${all.toFixed(2)} times)`;
  proof.figure(`processor time per ROI ${times}, promised: at most ${MOST}`, Math.max(work, all) <= MOST);
});

async function measure(proof: Proof, count: number): Promise<Measured> {
  const root = join(proof.folder, `workers-${count}`);
  mkdirSync(root);
  const server = await startEmbeddedServer({ home: root, binary: await temporalBinary(), ports: ANY_PORTS });
  const closings: (() => Promise<unknown>)[] = [() => server.stop()];
  let isClosed = false;
  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    for (const each of closings.reverse()) await each();
  };
  proof.atEnd(close);
  const client = await connectTo(server);
  closings.push(() => client.connection.close());
  const temporal = { maxConcurrentRois: 2 * Number(values.workers) };
  const warm = stubbedRun(root, WARM_UP * count, { temporal, name: 'warm-up' });
  const run = stubbedRun(root, ROIS, { temporal });
  const files = Array.from({ length: count }, (_, index) => join(root, `computed-${index}.txt`));
  const workers = files.map((file) => startWorker(root, server.address, file));
  closings.push(() => Promise.all(workers.map(endChild)));
  const queue = taskQueue(run.input.config.temporal.taskQueuePrefix, 'inference');
  const pollers = () => livePollers(client.workflowService, server.namespace, queue, ACTIVITY_QUEUE);
  await until(async () => (await pollers()).length === count);
  await runToEnd(warm);
  const processes = [process.pid, await serverPidOf(root), ...workers.map(innerPid)];
  const stop = await serveStubbed(run, server, { queues: OTHERS });
  const idle = await measured(processes, () => sleep(IDLE_MS));
  const busy = await measured(processes, async () => (await startStubbed(client, run)).result());
  await stop();
  await tellComputed(proof, files, count);
  await close();
  const waiting = (idle.processor / idle.seconds) * busy.seconds;
  const all = (1_000 * busy.processor) / ROIS;
  const work = (1_000 * (busy.processor - waiting)) / ROIS;
  const said = `${count} workers: ${busy.seconds.toFixed(1)} s, ${all.toFixed(1)} ms of processor time per ROI`;
  proof.figure(`${said}, ${work.toFixed(1)} ms of them for work; each ROI waits ${values.wait} ms`);
  return { all, work };

  async function runToEnd(stubbed: typeof run): Promise<void> {
    const stop = await serveStubbed(stubbed, server, { queues: OTHERS });
    await (await startStubbed(client, stubbed)).result();
    await stop();
  }
}

async function measured(processes: readonly number[], work: () => Promise<unknown>) {
  const [began, before] = [performance.now(), processorSeconds(processes)];
  await work();
  return { seconds: (performance.now() - began) / 1_000, processor: processorSeconds(processes) - before };
}

function startWorker(root: string, address: string, file: string) {
  const flags = ['--pid', '--fork', '--mount-proc', '--kill-child'];
  const words = ['--import', 'tsx', WORKER, root, address, values.wait, file];
  return spawn('unshare', [...flags, process.execPath, ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Returns the worker's PID in this process table. */
function innerPid({ pid }: { readonly pid?: number | undefined }): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

function processorSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    const [user, system] = fields.slice(11, 13).map(Number);
    return (user ?? 0) + (system ?? 0);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / CLOCK_HZ;
}

/** Reports what each process computed, including the warm-up. */
async function tellComputed(proof: Proof, files: readonly string[], count: number): Promise<void> {
  const texts = await Promise.all(files.map((file) => readTextIfThere(file)));
  const shares = texts.map((text) => (text ?? '').split('\n').filter((line) => line !== ''));
  const all = shares.flat();
  const twice = all.length - new Set(all).size;
  const wanted = ROIS + WARM_UP * count;
  const said = `${count} workers computed ${all.length} of ${wanted} ROIs, ${twice} of them twice`;
  const byWorker = shares.map((share) => share.length).join(', ');
  proof.figure(`${said} (by worker: ${byWorker}; warm-up included)`, twice === 0 && all.length === wanted);
}
