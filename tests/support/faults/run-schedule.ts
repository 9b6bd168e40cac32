import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ZenodoConfig } from '../../../config/schema.ts';
import { lockFile } from '../../../toolkit/files/lease.ts';
import { noise } from '../random-numbers.ts';
import type { Accident, Beginning, FileSchedule, Schedule } from './fault.ts';
import { isFrugal } from './fault.ts';
import { FaultyServer, md5Of } from './faulty-server.ts';
import { type Failure, type Job, WorkerProcess } from './worker-process.ts';

/** The outcome of a schedule. */
export interface Outcome {
  readonly name: string;
  readonly ms: number;
  readonly requests: number;
  readonly attempts: number;
  readonly kills: number;
  /** Bytes of all bodies that the server sent; `size` is what one faultless download would have sent. */
  readonly sent: number;
  readonly size: number;
  readonly frugal: boolean;
  readonly mostConnections: number;
  /** Everything that was wrong. */
  readonly findings: readonly string[];
}

const REQUESTS = 8;
const WINDOW_MS = 500;
/** Tolerance: requests are counted on arrival, which is later than sending by a varying delay. */
const JITTER_MS = 60;
const TROUBLE_MS = 400;
const MAX_ATTEMPTS = 40;
const ALLOWED = 1.1;

/** Keeps the worker for consecutive schedules; restarts it after it was killed. */
export class WorkerLane {
  #worker: Promise<WorkerProcess> | undefined;

  alive(): Promise<WorkerProcess> {
    this.#worker ??= WorkerProcess.start(WINDOW_MS);
    return this.#worker;
  }

  async kill(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await (await worker)?.kill();
  }
}

/** Downloads the files of a schedule with a worker that is killed and restarted as scheduled. */
export async function runSchedule(schedule: Schedule, lane: WorkerLane): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'reignite-faults-'));
  const run = new ScheduleRun(schedule, folder, lane);
  try {
    return await run.outcome();
  } finally {
    await run.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class ScheduleRun {
  readonly #schedule: Schedule;
  readonly #data: string;
  readonly #home: string;
  readonly #bytes: ReadonlyMap<string, Buffer>;
  readonly #server: FaultyServer;
  readonly #findings: string[] = [];
  readonly #running = new Map<string, number>();
  readonly #slots = new Slots(2);
  readonly #lane: WorkerLane;
  #api = '';
  #jobs = 0;
  #kills = 0;

  constructor(schedule: Schedule, folder: string, lane: WorkerLane) {
    this.#lane = lane;
    this.#schedule = schedule;
    this.#data = join(folder, 'data');
    this.#home = join(folder, 'home');
    const files = schedule.files.map(({ key, size }, index): [string, Buffer] => [
      key,
      Buffer.from(noise(size, schedule.seed * 10 + index)),
    ]);
    this.#bytes = new Map(files);
    const served = schedule.files.map(({ key, faults }) => ({
      key,
      faults,
      bytes: this.#bytesOf(key),
      part: `${this.#pathOf(key)}.part`,
    }));
    this.#server = new FaultyServer(served, (kind, key) => void this.#strike(kind, key));
  }

  async outcome(): Promise<Outcome> {
    this.#api = await this.#server.start();
    await this.#lane.alive();
    const startedAt = performance.now();
    await Promise.all(this.#schedule.files.map((file) => this.#acquire(file)));
    const ms = performance.now() - startedAt;
    await this.#check();
    const { requests, mostConnections } = this.#server;
    const sent = requests.reduce((sum, request) => sum + request.sent, 0);
    const size = this.#schedule.files.reduce((sum, file) => sum + (file.begins === 'right' ? 0 : file.size), 0);
    const frugal = isFrugal(this.#schedule);
    if (frugal && sent > ALLOWED * size) this.#findings.push(`${sent} bytes were sent for ${size}`);
    const { name } = this.#schedule;
    const [attempts, kills, findings] = [this.#jobs, this.#kills, this.#findings];
    return { name, ms, requests: requests.length, attempts, kills, sent, size, frugal, mostConnections, findings };
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  #bytesOf(key: string): Buffer {
    return this.#bytes.get(key) ?? Buffer.alloc(0);
  }

  #pathOf(key: string): string {
    return key.endsWith('.zip') ? join(this.#data, 'archives', key) : join(this.#data, key);
  }

  /** Acts like Temporal: repeats attempts after the waits that the failures request, without occupying a slot. */
  async #acquire(file: FileSchedule): Promise<void> {
    await this.#begin(file.begins, file);
    for (let attempt = 1; ; attempt++) {
      if (attempt > MAX_ATTEMPTS) return void this.#findings.push(`${file.key}: more than ${MAX_ATTEMPTS} attempts`);
      const answer = await this.#slots.use(() => this.#attempt(file));
      if (answer === undefined || 'cancelled' in answer) continue;
      if ('result' in answer) return;
      const { failure } = answer;
      if (!failure.retryable && !this.#isToBeTypedAgain(failure)) {
        return void this.#findings.push(`${file.key}: ${failure.code}: ${failure.message}`);
      }
      if (failure.retryable && failure.retryAfterMs === undefined) {
        this.#findings.push(`${file.key}: ${failure.code} has no wait`);
      }
      await sleep(failure.retryAfterMs ?? TROUBLE_MS);
    }
  }

  async #attempt({ key, size }: FileSchedule) {
    this.#jobs += 1;
    const id = this.#jobs;
    const md5 = md5Of(this.#bytesOf(key));
    const url = `${this.#api}/records/42/files/${key}/content`;
    const zenodo = ZenodoConfig.parse({
      api: this.#api,
      stallTimeoutSeconds: 0.4,
      retryTimeoutSeconds: 60,
      diskFullTimeoutSeconds: 4,
      requestsPerMinute: REQUESTS,
    });
    const download = {
      data: this.#data,
      record: '42',
      file: { key, size, md5, url, part: false },
      zenodo,
      retrySeconds: 0.02,
    };
    const job: Job = { id, home: this.#home, step: key, download };
    this.#running.set(key, id);
    return (await this.#lane.alive()).run(job);
  }

  /** An unwritable folder ends the whole download; the user fixes it and runs the same command again. */
  #isToBeTypedAgain({ code }: Failure): boolean {
    return code === 'NOT_WRITABLE' && this.#schedule.files.some(({ begins }) => begins === 'read-only');
  }

  async #strike(kind: Accident, key: string): Promise<void> {
    const worker = await this.#lane.alive();
    if (kind === 'cancel') worker.cancel(this.#running.get(key) ?? 0);
    if (kind === 'disk-full') {
      await worker.disk('full');
      await sleep(TROUBLE_MS);
      await worker.disk('good');
    }
    if (kind === 'kill') {
      this.#kills += 1;
      await this.#lane.kill();
    }
  }

  async #begin(begins: Beginning, { key, size }: FileSchedule): Promise<void> {
    const path = this.#pathOf(key);
    await mkdir(dirname(path), { recursive: true });
    const worker = await this.#lane.alive();
    if (begins === 'right') await writeFile(path, this.#bytesOf(key));
    if (begins === 'wrong') await writeFile(path, 'this is mine');
    if (begins === 'foreign-part') await writeFile(`${path}.part`, noise(Math.floor(size / 3), 1));
    if (begins === 'locked') {
      const lock = await lockFile(`${path}.part.lock`, path);
      setTimeout(() => void lock.release(), TROUBLE_MS);
    }
    if (begins === 'no-room' || begins === 'read-only') {
      await worker.disk(begins);
      setTimeout(() => void worker.disk('good'), TROUBLE_MS);
    }
  }

  async #check(): Promise<void> {
    for (const { key, begins } of this.#schedule.files) {
      const path = this.#pathOf(key);
      const found = await readFile(path).catch(() => undefined);
      if (found === undefined) this.#findings.push(`${key} does not exist`);
      else if (!found.equals(this.#bytesOf(key))) this.#findings.push(`${key} is not the same`);
      const aside = await readFile(`${path}.wrong-1`, 'utf8').catch(() => undefined);
      if ((begins === 'wrong') !== (aside === 'this is mine')) this.#findings.push(`${key}: moved aside: ${aside}`);
    }
    const names = await readdir(this.#data, { recursive: true });
    const expected = new Set(this.#schedule.files.map(({ key }) => key));
    for (const name of names) {
      const base = name.split('/').at(-1) ?? '';
      if (name !== 'archives' && !expected.has(base.replace(/\.wrong-1$/, ''))) this.#findings.push(`${name} was left`);
    }
    const { requests, mostConnections } = this.#server;
    if (mostConnections > 2) this.#findings.push(`${mostConnections} connections at once`);
    const nameless = requests.filter(({ userAgent }) => !/^reignite\/\d/.test(userAgent ?? ''));
    if (nameless.length > 0) this.#findings.push(`${nameless.length} requests without our User-Agent`);
    for (const [index, { at }] of requests.entries()) {
      const last = requests[index + REQUESTS];
      if (last !== undefined && last.at - at < WINDOW_MS - JITTER_MS) {
        this.#findings.push(`${REQUESTS + 1} requests within ${(last.at - at).toFixed(0)} ms`);
      }
    }
  }
}

/** Limits concurrent work, first come, first served. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async use<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
