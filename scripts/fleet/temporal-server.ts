import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { freePort } from '../../runtime/server/connection.ts';
import { temporalBinary } from '../../tests/support/temporal.ts';
import { endChild, type Proof } from '../proof.ts';

const Service = z.object({
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
});
const Compose = z.object({ services: z.record(z.string(), Service.loose()) });
type ComposeService = z.infer<typeof Service>;

interface Here {
  /** Host and port of PostgreSQL. */
  readonly postgres: { readonly host: string; readonly port: number };
  readonly password: string;
  /** Host and port of the Temporal server. */
  readonly frontend: string;
  /** Folder that is /etc/temporal/schema in the image. */
  readonly schema: string;
  /** Folder that is /certificates in the services. */
  readonly certificates: string;
}

/** Reads a service of docker-compose.yml and adapts it to run on this machine instead of in a container. */
function composeService(name: string, here: Here): ComposeService {
  const text = readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8');
  const service = Compose.parse(parse(text, { merge: true })).services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}.`);
  const { host, port } = here.postgres;
  const local = (value: string) =>
    value
      .replaceAll('$$', '$')
      .replaceAll(/\$\{POSTGRES_PASSWORD:.*?\}/g, here.password)
      .replaceAll('--endpoint postgresql --port 5432', `--endpoint ${host} --port ${port}`)
      .replaceAll('DNS:postgresql', `DNS:postgresql,IP:${host}`)
      .replaceAll('/etc/temporal/schema', here.schema)
      .replaceAll('/certificates', here.certificates)
      .replaceAll('temporal:7233', here.frontend);
  const environment = Object.fromEntries(
    Object.entries(service.environment).map(([key, value]) => [key, local(value)]),
  );
  if ('POSTGRES_SEEDS' in environment) Object.assign(environment, { POSTGRES_SEEDS: host, DB_PORT: String(port) });
  return { command: service.command.map(local), environment };
}

const PASSWORD = 'not-to-be-guessed';

/**
 * Starts Debian's PostgreSQL with the user, certificate and rules of docker-compose.yml: only with TLS and password.
 *
 * @param host - Address that it listens on.
 */
async function startPostgres(
  proof: Proof,
  host: string,
): Promise<Pick<Here, 'postgres' | 'password' | 'certificates'>> {
  const port = await freePort(0);
  const folder = join(proof.folder, 'postgresql');
  const certificates = join(proof.folder, 'certificates');
  for (const each of [folder, certificates]) mkdirSync(each);
  chmodSync(proof.folder, 0o711);
  const here = { postgres: { host, port }, password: PASSWORD, certificates };
  const unused = { frontend: '', schema: '' };
  makeCertificate({ ...here, ...unused });
  const passwordFile = join(certificates, 'password');
  writeFileSync(passwordFile, PASSWORD);
  const { command } = composeService('postgresql', { ...here, ...unused });
  const own = [`-p ${port}`, `-c listen_addresses=${host}`, `-c unix_socket_directories=${folder}`];
  const options = [...command.slice(1), ...own].join(' ');
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', 'postgres', folder, certificates]);
  asPostgres('initdb', [
    '-D',
    folder,
    '-U',
    'temporal',
    '--pwfile',
    passwordFile,
    '--auth',
    'scram-sha-256',
    '--encoding',
    'UTF8',
  ]);
  rmSync(passwordFile);
  asPostgres('pg_ctl', ['-D', folder, '-l', join(folder, 'log'), '-o', options, '-w', 'start']);
  proof.atEnd(() => asPostgres('pg_ctl', ['-D', folder, '-m', 'fast', 'stop']));
  console.log(`PostgreSQL listens on ${host}:${port}.`);
  return here;
}

/** Makes the certificate with the commands of the compose service for it. */
function makeCertificate(here: Here): void {
  const { command } = composeService('certificate', here);
  execFileSync('/bin/sh', ['-euc', command.join('\n')], { stdio: 'ignore' });
}

/** PostgreSQL refuses to run as root. */
function asPostgres(tool: string, words: readonly string[]): void {
  const [newest] = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a));
  const path = join('/usr/lib/postgresql', newest ?? '', 'bin', tool);
  const isRoot = process.getuid?.() === 0;
  const [file, args] = isRoot ? ['runuser', ['-u', 'postgres', '--', path, ...words]] : [path, [...words]];
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: '/' });
}

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
