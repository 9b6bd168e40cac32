import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endChild, type Proof } from '../proof.ts';

const ENTRY = fileURLToPath(new URL('../../bin/reignite.js', import.meta.url));
const NETWORK = '10.231.77';

/** A process on one of the machines, and its output. */
export interface Started {
  readonly child: ChildProcess;
  readonly said: () => string;
}

/** Machines in their own Linux namespaces: network, process table, host name and files. */
export interface Machines<Name extends string> {
  /** Address of this process and its servers, as seen by the machines. */
  readonly host: string;
  /** Folder of a machine, invisible to the others. */
  folderOf(name: Name): string;
  /** Starts a `reignite` command. */
  start(name: Name, words: readonly string[], environment: Readonly<Record<string, string>>): Started;
}

/**
 * Creates machines that share only a network, on which they reach this process. Linux, as root.
 *
 * @param hidden - Folders that no machine can see.
 */
export function makeMachines<Name extends string>(
  proof: Proof,
  names: readonly Name[],
  hidden: readonly string[],
): Machines<Name> {
  const bridge = `rgn${process.pid % 100_000}`;
  const host = `${NETWORK}.1`;
  ip('link', 'add', bridge, 'type', 'bridge');
  proof.atEnd(() => ip('link', 'delete', bridge));
  ip('address', 'add', `${host}/24`, 'dev', bridge);
  ip('link', 'set', bridge, 'up');
  const spaceOf = (name: Name) => `${bridge}-${name}`;
  const folderOf = (name: Name) => join(proof.folder, name);
  for (const [index, name] of names.entries()) {
    mkdirSync(folderOf(name));
    const [here, there] = [`${bridge}h${index}`, `${bridge}m${index}`];
    ip('netns', 'add', spaceOf(name));
    proof.atEnd(() => ip('netns', 'delete', spaceOf(name)));
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', spaceOf(name));
    ip('link', 'set', here, 'master', bridge, 'up');
    const inside = (...words: string[]) => ip('-n', spaceOf(name), ...words);
    inside('address', 'add', `${NETWORK}.${index + 2}/24`, 'dev', there);
    for (const device of ['lo', there]) inside('link', 'set', device, 'up');
  }
  return {
    host,
    folderOf,
    start(name, words, environment) {
      const home = folderOf(name);
      const covered = [...names.filter((other) => other !== name).map(folderOf), ...hidden];
      const script = [
        'set -e',
        ...covered.map((folder) => `mount -t tmpfs none ${folder}`),
        `hostname ${name}`,
        `cd ${home}`,
        `exec ${process.execPath} ${ENTRY} ${words.map((word) => `'${word}'`).join(' ')}`,
      ].join('\n');
      const flags = ['--mount', '--pid', '--uts', '--fork', '--mount-proc', '--kill-child'];
      const child = spawn('ip', ['netns', 'exec', spaceOf(name), 'unshare', ...flags, '/bin/bash', '-c', script], {
        env: { ...process.env, ...environment, REIGNITE_HOME: join(home, 'home') },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      proof.atEnd(() => endChild(child));
      return { child, said: collect(child) };
    },
  };
}

function collect(child: ChildProcess): () => string {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  return () => said;
}

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
