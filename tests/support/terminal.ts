import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Place, until } from './command.ts';

const ENTRY = fileURLToPath(new URL('../../bin/reignite.js', import.meta.url));

/** Whether this machine has util-linux's `script`, which runs a command on a pseudo-terminal. */
export const hasTerminal =
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;

/** A command on a pseudo-terminal, where Ctrl-C reaches all of its processes. */
export interface TerminalSession {
  /** What the terminal has shown so far. */
  text(): string;
  shows(text: string | RegExp): Promise<void>;
  pressCtrlC(): void;
  readonly ended: Promise<{ readonly status: number | null; readonly text: string }>;
}

export function typeInTerminal(
  words: readonly string[],
  { home, cwd, environment = {}, columns }: Place & { readonly columns: number },
): TerminalSession {
  const quoted = [process.execPath, ENTRY, ...words].map((word) => `'${word}'`).join(' ');
  const typed = `stty cols ${columns}; exec ${quoted}`;
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', typed, '/dev/null'], {
    cwd,
    env: { ...process.env, REIGNITE_HOME: home, SHELL: '/bin/sh', ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return {
    text: () => text,
    shows: (wanted) =>
      until(
        () => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)),
        () => text,
      ),
    pressCtrlC: () => void child.stdin.write('\u0003'),
    ended: new Promise((resolve) => child.once('close', (status) => resolve({ status, text }))),
  };
}
