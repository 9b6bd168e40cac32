import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isGrpcServiceError } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { listRuns } from '../../../runtime/run/find-run.ts';
import { connectTo, type ServerAddress } from '../../../runtime/server/connection.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../../runtime/server/embedded-server.ts';
import { runningServer } from '../../../runtime/server/home-server.ts';
import { startTimeOf } from '../../../toolkit/files/process-identity.ts';
import { ANY_PORTS, temporalBinary } from '../../support/temporal.ts';
import { leaveServerBehind } from './server-owner-process.ts';

const TEN_YEARS_MS = 87_600 * 3_600_000;
const STAGE = defineSearchAttributeKey('ReproStage', SearchAttributeType.KEYWORD);

let root: string;
let binary: string;
const running: EmbeddedServer[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'reignite-server-'));
  binary = await temporalBinary();
});

afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()));
  await rm(root, { recursive: true, force: true });
});

async function start(home: string, options: Partial<Parameters<typeof startEmbeddedServer>[0]> = {}) {
  const server = await startEmbeddedServer({ home, binary, ports: ANY_PORTS, ...options });
  running.push(server);
  return server;
}

/** Starts a workflow without a worker: it stays in the history, open. */
async function startWorkflow(server: ServerAddress, workflowId: string, stage?: string): Promise<void> {
  const client = await connectTo(server);
  const typedSearchAttributes = new TypedSearchAttributes(stage === undefined ? [] : [{ key: STAGE, value: stage }]);
  await client.workflow.start('reproduce', { workflowId, taskQueue: 'unserved', typedSearchAttributes });
  await client.connection.close();
}

async function statusOf(server: ServerAddress, workflowId: string): Promise<string> {
  const client = await connectTo(server);
  try {
    return (await client.workflow.getHandle(workflowId).describe()).status.name;
  } catch (error) {
    return error instanceof Error ? error.name : 'unknown';
  } finally {
    await client.connection.close();
  }
}

/** Asks until a server answers: the connection needs a while to find the next one. */
async function onceAnswered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      if (!isGrpcServiceError(error) && !isGrpcServiceError(cause)) throw error;
    }
  }
}

async function* iterate<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

async function retentionOf(server: ServerAddress): Promise<number> {
  const client = await connectTo(server);
  const { config } = await client.workflowService.describeNamespace({ namespace: server.namespace });
  await client.connection.close();
  return tsToMs(config?.workflowExecutionRetentionTtl);
}

/** Whether something listens on that port at an address of this machine. */
async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  const open = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return open;
}

describe('startEmbeddedServer', () => {
  it('keeps the runs of a state directory when owners and servers are killed, and two state directories apart', async () => {
    // A `?` would end the database's path for the server, were it given the whole of it.
    const home = join(root, 'a home? of=ours');
    await leaveServerBehind(home, binary);
    const leftover = await runningServer(home);
    if (leftover === undefined) throw new Error('the server did not survive its owner');
    await startWorkflow(leftover, 'before');

    // The next owner ends it, even when nothing on disk mentions it.
    await rm(join(home, 'temporal/server.json'));
    const steps: string[] = [];
    const second = await start(home, {
      searchAttributes: { ReproStage: 'KEYWORD' },
      onStep: (line) => steps.push(line),
    });
    expect(steps.join()).toContain(`process ${leftover.pid}`);
    expect(await startTimeOf(leftover.pid)).toBeUndefined();
    expect(await statusOf(second, 'before')).toBe('RUNNING');
    // While the server writes, its database has a journal.
    const files = (await readdir(join(home, 'temporal'))).filter((name) => name !== 'temporal.db-journal');
    expect(files).toEqual(['server.json', 'temporal.db']);

    // The file existed before the attribute did.
    await startWorkflow(second, 'with-attribute', 'acquire');
    expect(await retentionOf(second)).toBe(TEN_YEARS_MS);

    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.internal === false && address.family === 'IPv4')?.address;
    const grpcPort = Number(second.address.split(':')[1]);
    expect(await listens('127.0.0.1', grpcPort)).toBe(true);
    if (outside !== undefined) expect(await listens(outside, grpcPort)).toBe(false);
    expect((await fetch(second.uiUrl)).status).toBe(200);

    process.kill(second.pid, 'SIGKILL');
    await second.exited;
    expect(await runningServer(home)).toBeUndefined();
    const [third, other] = await Promise.all([
      start(home, { searchAttributes: { ReproStage: 'KEYWORD' } }),
      start(join(root, 'another home')),
    ]);
    expect(await statusOf(third, 'before')).toBe('RUNNING');
    expect(await statusOf(third, 'with-attribute')).toBe('RUNNING');
    expect(await retentionOf(third)).toBe(TEN_YEARS_MS);
    expect(other.address).not.toBe(third.address);
    expect(await statusOf(other, 'before')).toBe('WorkflowNotFoundError');

    await third.stop();
    expect(await startTimeOf(third.pid)).toBeUndefined();
    expect(await runningServer(home)).toBeUndefined();
    expect(await runningServer(join(root, 'another home'))).toMatchObject({ address: other.address, pid: other.pid });
  });

  it('is not confused with the server of another state directory that takes over its port', async () => {
    const ended = await start(join(root, 'ended'));
    const client = await connectTo(ended);
    await startWorkflow(ended, 'reproduce');
    await ended.stop();
    const port = Number(ended.address.split(':')[1]);
    const successor = await start(join(root, 'successor'), { ports: { grpc: port, ui: 0 } });
    expect(successor.address).toBe(ended.address);
    await expect(onceAnswered(() => listRuns(client))).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' });
    await expect(connectTo(ended)).rejects.toMatchObject({ code: 'TEMPORAL_UNREACHABLE' });
    await client.connection.close();
  });

  it('returns the current status of a run that the list still shows as running', async () => {
    const server = await start(join(root, 'behind'));
    const client = await connectTo(server);
    await startWorkflow(server, 'reproduce');
    const before = await vi.waitUntil(async () => {
      const listed = await listRuns(client);
      return listed.length === 1 && listed;
    }, 300_000);
    await client.workflow.getHandle('reproduce').terminate();
    const behind = vi.spyOn(client.workflow, 'list').mockImplementation(() =>
      Object.assign(iterate(before), {
        intoHistories: () => {
          throw new Error('not asked for');
        },
      }),
    );
    expect(before.map(({ status }) => status.name)).toEqual(['RUNNING']);
    expect((await listRuns(client)).map(({ status }) => status.name)).toEqual(['TERMINATED']);
    behind.mockRestore();
    await client.connection.close();
  });

  it('adopts a leftover server on request, and stops it like its own', async () => {
    const home = join(root, 'adopted');
    await leaveServerBehind(home, binary);
    const leftover = await runningServer(home);
    if (leftover === undefined) throw new Error('the server did not survive its owner');
    const steps: string[] = [];
    const adopted = await start(home, { adopt: true, onStep: (line) => steps.push(line) });
    expect(adopted).toMatchObject({ pid: leftover.pid, address: leftover.address, uiUrl: leftover.uiUrl });
    expect(steps).toEqual([]);
    await startWorkflow(adopted, 'on-it');
    await adopted.stop();
    expect(await startTimeOf(leftover.pid)).toBeUndefined();
    expect(await runningServer(home)).toBeUndefined();

    // One that hangs is replaced.
    await leaveServerBehind(home, binary);
    const hanging = await runningServer(home);
    if (hanging === undefined) throw new Error('the server did not survive its owner');
    process.kill(hanging.pid, 'SIGSTOP');
    const next = await start(home, { adopt: true });
    expect(next.pid).not.toBe(hanging.pid);
    expect(await statusOf(next, 'on-it')).toBe('RUNNING');
  });

  it('moves a rejected database aside, and starts with a new one', async () => {
    const home = join(root, 'damaged');
    const folder = join(home, 'temporal');
    await mkdir(folder, { recursive: true });
    const content = randomBytes(100_000);
    await writeFile(join(folder, 'temporal.db'), content);
    await writeFile(join(folder, 'temporal.db.refused-1'), 'of an earlier time');
    const steps: string[] = [];
    const server = await start(home, { onStep: (line) => steps.push(line) });
    expect(steps.join()).toContain(join(folder, 'temporal.db.refused-2'));
    expect((await readFile(join(folder, 'temporal.db.refused-2'))).equals(content)).toBe(true);
    expect(await readFile(join(folder, 'temporal.db.refused-1'), 'utf8')).toBe('of an earlier time');
    await startWorkflow(server, 'fresh');
  });

  it('says where the log is if the server exits, and does not move the database', async () => {
    const home = join(root, 'failing');
    const failing = join(root, 'failing-cli');
    await writeFile(
      failing,
      '#!/bin/sh\necho "the disk is on strike" >&2\n[ -e temporal.db ] || echo new > temporal.db-wal\nexit 3\n',
      {
        mode: 0o755,
      },
    );
    await mkdir(join(home, 'temporal'), { recursive: true });
    await writeFile(join(home, 'temporal/temporal.db'), 'precious');
    const starting = startEmbeddedServer({ home, binary: failing, ports: ANY_PORTS });
    await expect(starting).rejects.toMatchObject({ code: 'TEMPORAL_START_FAILED' });
    await expect(starting).rejects.toThrow(join(home, 'logs/temporal.log'));
    await expect(starting).rejects.toThrow('the disk is on strike');
    expect(await readFile(join(home, 'temporal/temporal.db'), 'utf8')).toBe('precious');
    expect(await readdir(join(home, 'temporal'))).toEqual(['temporal.db']);
  });

  it('stops a server that never answers', async () => {
    const home = join(root, 'silent');
    const silent = join(root, 'silent-cli');
    await writeFile(silent, `#!/bin/sh\necho $$ > ${root}/silent-pid\nexec sleep 600\n`, { mode: 0o755 });
    const starting = startEmbeddedServer({ home, binary: silent, ports: ANY_PORTS, readyWithinMs: 1_500 });
    await expect(starting).rejects.toThrow('did not answer within 1.5 s');
    expect(await startTimeOf(Number(await readFile(join(root, 'silent-pid'), 'utf8')))).toBeUndefined();
  });

  it('stops the server if interrupted while it starts', async () => {
    const home = join(root, 'stopped');
    const stop = new AbortController();
    const silent = join(root, 'stopped-cli');
    await writeFile(silent, `#!/bin/sh\necho $$ > ${root}/stopped-pid\nexec sleep 600\n`, { mode: 0o755 });
    setTimeout(() => stop.abort(new Error('enough')), 1_000);
    const starting = startEmbeddedServer({ home, binary: silent, ports: ANY_PORTS, signal: stop.signal });
    await expect(starting).rejects.toThrow('enough');
    expect(await startTimeOf(Number(await readFile(join(root, 'stopped-pid'), 'utf8')))).toBeUndefined();
  });
});
