import { access, readdir, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReigniteError } from '../../toolkit/errors.ts';
import { asDiskError } from '../../toolkit/files/file-access.ts';
import { makeFolder, makePrivateHome } from '../../toolkit/files/folders.ts';
import { isRunning, type ProcessIdentity } from '../../toolkit/files/process-identity.ts';
import { freeBytes } from '../../toolkit/files/suitable-file-system.ts';
import { connectTo, freePort, type ServerAddress } from './connection.ts';
import {
  endLeftoverServers,
  endProcess,
  leftoverServers,
  removeServerRecord,
  runningServer,
  writeServerRecord,
} from './home-server.ts';
import { ensureSearchAttributes, keepHistory, type SearchAttributes } from './namespace-setup.ts';
import { type Launch, launchServer, logPath } from './server-launch.ts';

const DATABASE = 'temporal.db';
const READY_WITHIN_MS = 30_000;
const PORTS = { grpc: 7233, ui: 8233 } as const;
/** A leftover server that does not answer within this time is stopped. */
const LEFTOVER_ANSWERS_MS = 10_000;
const LOOK_MS = 200;

export interface EmbeddedServerOptions {
  /** The state directory; the caller must own it (home-server.ts). */
  readonly home: string;
  /** Path of the Temporal CLI. */
  readonly binary: string;
  /** Used if free, otherwise any; 0 for any. @default 7233 and 8233 */
  readonly ports?: { readonly grpc: number; readonly ui: number };
  readonly searchAttributes?: SearchAttributes;
  /** Time limit for a server to answer, in ms. @default 30000 */
  readonly readyWithinMs?: number;
  /** Whether to adopt a server that a previous owner left, instead of stopping it; saves two seconds. @default false */
  readonly adopt?: boolean;
  readonly onStep?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** A running embedded server. It keeps this process alive, and survives if this process is killed. */
export interface EmbeddedServer extends ServerAddress {
  readonly external: false;
  readonly uiUrl: string;
  readonly pid: number;
  /** Resolves when the server has exited, for any reason. */
  readonly exited: Promise<void>;
  /** Shuts the server down and waits until it has exited. May be called repeatedly. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts Temporal's development server on the database of the state directory, on 127.0.0.1 only, and prepares its
 * namespace: retention of ten years and the search attributes.
 *
 * A server that a previous owner left is adopted or stopped first. A database that the server rejects is moved aside.
 *
 * @throws ReigniteError TEMPORAL_START_FAILED with the end of the server's log; NOT_WRITABLE, NO_SPACE.
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  await makePrivateHome(options.home, options.onStep ?? (() => undefined));
  const folder = await databaseFolder(options.home);
  const adopted = options.adopt === true ? await adoptServer(options.home, folder) : undefined;
  if (adopted !== undefined) return adopted;
  await endLeftoverServers(options.home, folder, options.onStep);
  await removeServerRecord(options.home);
  const { server: launched, grpc, ui } = await launchOnSomeDatabase(options, folder);
  const launchedAt = {
    address: `127.0.0.1:${grpc}`,
    namespace: 'default',
    external: false,
    uiUrl: `http://127.0.0.1:${ui}`,
  } as const;
  try {
    const clusterId = await prepareNamespace(launchedAt, options.searchAttributes ?? {});
    options.signal?.throwIfAborted();
    const { pid, startTime } = launched;
    const address = { ...launchedAt, ...(clusterId && { clusterId }) };
    await writeServerRecord(options.home, { pid, startTime, ...address });
    return ownServer(options.home, address, launched);
  } catch (error) {
    await endProcess(launched);
    throw error;
  }
}

type Address = Pick<EmbeddedServer, 'address' | 'namespace' | 'external' | 'uiUrl' | 'clusterId'>;

function ownServer(
  home: string,
  address: Address,
  server: ProcessIdentity & Pick<EmbeddedServer, 'exited'>,
): EmbeddedServer {
  return {
    ...address,
    pid: server.pid,
    exited: server.exited,
    stop: async () => {
      // First, so that no other command attaches to a server that is shutting down.
      await removeServerRecord(home);
      await endProcess(server);
      await server.exited;
    },
  };
}

/** @returns Undefined unless exactly one server, the recorded one, runs on the database and answers. */
async function adoptServer(home: string, folder: string): Promise<EmbeddedServer | undefined> {
  const record = await runningServer(home);
  const all = await leftoverServers(home, folder);
  if (record === undefined || all.some(({ pid }) => pid !== record.pid)) return undefined;
  const client = await connectTo(record, { timeoutMs: LEFTOVER_ANSWERS_MS }).catch(() => undefined);
  if (client === undefined) return undefined;
  await client.connection.close();
  const { pid, startTime, ...address } = record;
  return ownServer(home, { ...address, external: false }, { pid, startTime, exited: untilGone(record) });
}

/** Polls until a process has ended: it is not our child, so there is no exit event. */
async function untilGone(identity: ProcessIdentity): Promise<void> {
  while (await isRunning(identity)) await sleep(LOOK_MS);
}

type Ready = Extract<Launch, { ready: true }> & { readonly grpc: number; readonly ui: number };
type Failed = Extract<Launch, { ready: false }>;

/** Starts the server on the state directory's database or, if the database is the problem, on a new one. */
async function launchOnSomeDatabase(options: EmbeddedServerOptions, folder: string): Promise<Ready> {
  const first = await launchPatiently(options, folder);
  if (first.ready) return first;
  if (!blamesDatabase(first) || !(await hasDatabase(folder, DATABASE))) throw await startFailed(options, first);
  const aside = await moveDatabaseAside(folder, DATABASE);
  const second = await launchPatiently(options, folder).catch(async (error: unknown) => {
    await aside.restore();
    throw error;
  });
  if (!second.ready) {
    await aside.restore();
    throw await startFailed(options, second);
  }
  options.onStep?.(
    `Temporal could not open its database. It was moved to ${join(folder, aside.name)}; starting with a new one.`,
  );
  return second;
}

/** Retries failures that may pass: a port that was taken in the meantime, an exit without a clear reason. */
async function launchPatiently(options: EmbeddedServerOptions, folder: string): Promise<Ready | Failed> {
  let ports = options.ports ?? PORTS;
  for (let attempt = 1; ; attempt++) {
    const grpc = await freePort(ports.grpc);
    const ui = await freePort(ports.ui === grpc ? 0 : ports.ui);
    const launch = await launchServer({
      binary: options.binary,
      folder,
      database: DATABASE,
      logs: join(options.home, 'logs'),
      grpcPort: grpc,
      uiPort: ui,
      readyWithinMs: options.readyWithinMs ?? READY_WITHIN_MS,
      signal: options.signal,
    });
    if (launch.ready) return { ...launch, grpc, ui };
    const portTaken = /address already in use/i.test(launch.output);
    if (portTaken) ports = { grpc: 0, ui: 0 };
    if (attempt >= (portTaken ? 4 : 2) || launch.exit === undefined || isRefusal(launch.output)) return launch;
  }
}

/** Returns whether the database may be the cause: not if the server was killed, or is only slow. */
function blamesDatabase({ exit, output }: Failed): boolean {
  return isRefusal(output) || (exit !== undefined && exit.signal === null && !/address already in use/i.test(output));
}

/** @returns The ID of the server's database. */
async function prepareNamespace(
  address: ServerAddress,
  attributes: SearchAttributes,
): Promise<string | null | undefined> {
  const { connection } = await connectTo(address);
  try {
    await keepHistory(connection, address.namespace);
    await ensureSearchAttributes(connection, address.namespace, attributes);
    return (await connection.workflowService.getClusterInfo({})).clusterId;
  } finally {
    await connection.close();
  }
}

/** @returns The real path, so that one folder has only one name. */
async function databaseFolder(home: string): Promise<string> {
  const folder = join(home, 'temporal');
  try {
    await makeFolder(folder);
    return await realpath(folder);
  } catch (error) {
    throw asDiskError(error, folder);
  }
}

/** With less free space, a server that does not start probably lacks room for its database. In bytes. */
const LEAST_SPACE = 2e6;

async function startFailed(options: EmbeddedServerOptions, { exit, output }: Failed): Promise<ReigniteError> {
  const free = await freeBytes(options.home);
  if (free !== undefined && free < LEAST_SPACE) {
    return new ReigniteError('NO_SPACE', `The Temporal server has no space left for its database in ${options.home}.`);
  }
  const how =
    exit === undefined
      ? `did not answer within ${(options.readyWithinMs ?? READY_WITHIN_MS) / 1000} s`
      : `ended with ${exit.signal ?? `status ${exit.code}`}`;
  const lines = output.trim().split('\n').slice(-5).join('\n');
  const log = logPath(join(options.home, 'logs'));
  return new ReigniteError('TEMPORAL_START_FAILED', `The Temporal server ${how}; its log ${log} ends:\n${lines}`);
}

/** A database and its journal that were moved aside. */
interface MovedDatabase {
  /** The database's new name, without its folder. */
  readonly name: string;
  /** Moves everything back, replacing any newer database. */
  readonly restore: () => Promise<void>;
}

/**
 * Messages of the server or SQLite about a file that can never be used: damaged, not a database, or written by a
 * version with other tables.
 */
const REFUSAL =
  /file is not a database|disk image is malformed|unsupported file format|database corruption|no such (table|column)|schema version|incompatible/i;

/** A database and the files that SQLite keeps next to it. */
const SUFFIXES = ['', '-wal', '-shm', '-journal'] as const;

/** Returns whether the server's last output blames the database. */
export function isRefusal(output: string): boolean {
  return REFUSAL.test(output);
}

async function hasDatabase(folder: string, name: string): Promise<boolean> {
  return await access(join(folder, name)).then(
    () => true,
    () => false,
  );
}

/**
 * Moves a database and its journal aside, to `<name>.refused-<n>` with the first free n. Nothing is deleted: sqlite3
 * may still be able to read it.
 */
export async function moveDatabaseAside(folder: string, name: string): Promise<MovedDatabase> {
  const present = await readdir(folder);
  let n = 1;
  while (present.some((entry) => entry.startsWith(`${name}.refused-${n}`))) n++;
  const aside = `${name}.refused-${n}`;
  const moved: string[] = [];
  // The database first: it must never be opened with the journal of another one.
  for (const suffix of SUFFIXES) {
    if (!present.includes(name + suffix)) continue;
    await rename(join(folder, name + suffix), join(folder, aside + suffix));
    moved.push(suffix);
  }
  return {
    name: aside,
    restore: async () => {
      for (const suffix of SUFFIXES) await rm(join(folder, name + suffix), { force: true });
      for (const suffix of moved) await rename(join(folder, aside + suffix), join(folder, name + suffix));
    },
  };
}
