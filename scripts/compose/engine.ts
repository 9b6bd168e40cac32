import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../../tests/support/command.ts';
import type { Proof } from '../proof.ts';

const MB = 2 ** 20;
const run = promisify(execFile);

/** A container engine and its two commands. */
export interface Engine {
  docker(words: readonly string[]): Promise<string>;
  /** @param cwd - The folder of the compose file and its .env. */
  compose(words: readonly string[], cwd: string): Promise<string>;
  /** For commands that are followed while they run. */
  readonly composeCommand: readonly [string, ...string[]];
  readonly environment: NodeJS.ProcessEnv;
  readonly name: string;
}

/** Finds the engine that `docker` reaches, else starts one if the user is root. @returns Undefined if there is none. */
export async function findEngine(proof: Proof, dataRoot: string | undefined): Promise<Engine | undefined> {
  if (!isThere('docker', ['--version'])) return undefined;
  if (isThere('docker', ['info'])) return engineAt(proof, process.env);
  if (process.getuid?.() !== 0 || !isThere('dockerd', ['--version'])) return undefined;
  return engineAt(proof, await startEngine(proof, dataRoot));
}

async function engineAt({ signal }: Proof, environment: NodeJS.ProcessEnv): Promise<Engine | undefined> {
  const hasPlugin = isThere('docker', ['compose', 'version']);
  if (!hasPlugin && !isThere('docker-compose', ['version'])) return undefined;
  const composeCommand: readonly [string, ...string[]] = hasPlugin ? ['docker', 'compose'] : ['docker-compose'];
  const ask = async (file: string, words: readonly string[], cwd?: string) => {
    const options = {
      env: environment,
      signal,
      maxBuffer: 64 * MB,
      encoding: 'utf8',
      ...(cwd ? { cwd } : {}),
    } as const;
    return (await run(file, [...words], options)).stdout.trim();
  };
  const [first, ...others] = composeCommand;
  const docker = (words: readonly string[]) => ask('docker', words);
  return {
    docker,
    compose: (words, cwd) => ask(first, [...others, ...words], cwd),
    composeCommand,
    environment,
    name: await docker(['version', '--format', 'engine {{.Server.Version}}']),
  };
}

/** Starts an engine. Its network rules and its bridge are removed with it; its images are kept if a folder is given. */
async function startEngine(proof: Proof, dataRoot: string | undefined): Promise<NodeJS.ProcessEnv> {
  const folder = join(proof.folder, 'engine');
  mkdirSync(folder);
  const rules = execFileSync('iptables-save');
  const socket = `unix://${join(folder, 'socket')}`;
  const words = [
    '--host',
    socket,
    '--data-root',
    dataRoot ?? join(folder, 'data'),
    '--exec-root',
    join(folder, 'exec'),
  ];
  const log = openSync(join(folder, 'log'), 'a');
  // In its own session: Ctrl-C must not end it before the containers are removed.
  const daemon = spawn('dockerd', [...words, '--pidfile', join(folder, 'pid')], {
    stdio: ['ignore', log, log],
    detached: true,
  });
  proof.atEnd(async () => {
    daemon.kill('SIGTERM');
    await until(() => daemon.exitCode !== null || daemon.signalCode !== null);
    execFileSync('iptables-restore', { input: rules });
    if (isThere('ip', ['link', 'show', 'docker0'])) execFileSync('ip', ['link', 'delete', 'docker0']);
    rmSync(folder, { recursive: true, force: true });
  });
  const environment = { ...process.env, DOCKER_HOST: socket };
  await until(() => isThere('docker', ['info'], environment));
  console.log('A container engine was started.');
  return environment;
}

function isThere(file: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env): boolean {
  try {
    execFileSync(file, [...words], { stdio: 'ignore', env });
    return true;
  } catch {
    return false;
  }
}
