import { execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../runtime/server/connection.ts';
import { temporalBinary } from '../../tests/support/temporal.ts';
import type { Proof } from '../proof.ts';
import { composeService, type Here } from './compose-service.ts';
import { endChild } from './end-child.ts';
import { startPostgres } from './postgres-server.ts';

const run = promisify(execFile);
const PORTS = ['FRONTEND_GRPC', 'FRONTEND_MEMBERSHIP', 'FRONTEND_HTTP', 'MATCHING_GRPC', 'MATCHING_MEMBERSHIP'];
const OTHER_PORTS = ['HISTORY_GRPC', 'HISTORY_MEMBERSHIP', 'WORKER_GRPC', 'WORKER_MEMBERSHIP'];

export interface ServerFiles {
  /** Folder of `server` and `sql`. */
  readonly bin: string;
  /** Folder of the server's Go module. */
  readonly schema: string;
}

export const USUAL_FILES: ServerFiles = {
  bin: join(homedir(), 'go', 'bin'),
  schema: join(homedir(), 'go', 'pkg', 'mod', 'go.temporal.io', 'server@v1.32.0', 'schema'),
};

/**
 * Starts the real Temporal server on PostgreSQL, with the scripts, variables and rules of docker-compose.yml.
 *
 * @param host - Address that both listen on.
 * @returns The address of the server.
 */
export async function startServerOnPostgres(proof: Proof, host: string, files: ServerFiles): Promise<string> {
  const database = await startPostgres(proof, host);
  const ports = await lowPorts(PORTS.length + OTHER_PORTS.length);
  const here: Here = { ...database, frontend: `${host}:${ports[0]}`, schema: files.schema };
  const tools = join(proof.folder, 'tools');
  mkdirSync(tools);
  symlinkSync(join(files.bin, 'sql'), join(tools, 'temporal-sql-tool'));
  symlinkSync(await temporalBinary(), join(tools, 'temporal'));
  await runService('schema', here, tools, proof);
  await runService('schema', here, tools, proof);
  console.log('The schema is set up, and setting it up again changes nothing.');
  const log = join(proof.folder, 'temporal.log');
  const output = openSync(log, 'a');
  const numbers = [...PORTS, ...OTHER_PORTS].map((name, index) => [`${name}_PORT`, String(ports[index])]);
  const server = spawn(join(files.bin, 'server'), ['start'], {
    stdio: ['ignore', output, output],
    env: {
      ...process.env,
      ...composeService('temporal', here).environment,
      ...Object.fromEntries(numbers),
      BIND_ON_IP: host,
    },
  });
  closeSync(output);
  proof.atEnd(() => endChild(server));
  server.once('exit', (status) => {
    if (!proof.signal.aborted && status !== 0 && status !== null)
      console.error(readFileSync(log, 'utf8').slice(-2_000));
  });
  await runService('namespace', here, tools, proof);
  console.log(`The Temporal server serves on ${here.frontend}.`);
  return here.frontend;
}

async function runService(name: string, here: Here, tools: string, { signal }: Proof): Promise<void> {
  const { command, environment } = composeService(name, here);
  const env = { ...process.env, ...environment, PATH: `${tools}:${process.env['PATH']}` };
  await run('/bin/sh', ['-euc', command.join('\n')], { env, timeout: 120_000, signal });
}

/** Returns low ports: the server stores its membership ports in a signed 16-bit column. */
async function lowPorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let port = 20_000 + (process.pid % 10_000); ports.length < count; port++) {
    if ((await freePort(port)) === port) ports.push(port);
  }
  return ports;
}
