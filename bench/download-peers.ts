import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Wall and CPU time of one run, in ms. */
export interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Runs a program to its end. CPU time comes from bash, which waits for it. */
export async function costOf(program: string, args: readonly string[]): Promise<Cost> {
  const shell = spawn('bash', ['-c', 'TIMEFORMAT="%R %U %S"; time "$0" "$@" >/dev/null 2>&1', program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  shell.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [status] = await once(shell, 'close');
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
  const [real = 0, user = 0, system = 0] = text.trim().split(' ').map(Number);
  return { ms: real * 1_000, cpuMs: (user + system) * 1_000 };
}

/** Runs a script of bench/ in a separate process and returns the JSON that it prints. */
export async function jsonOf(script: string, args: readonly string[]): Promise<unknown> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, 'close');
  return JSON.parse(text);
}

/** Starts a separate server process for one file, which it sends with sendfile(2). */
export async function serveFile(path: string): Promise<{ url: string; close(): void }> {
  const script = fileURLToPath(new URL('./python/serve_file.py', import.meta.url));
  const server: ChildProcess = spawn('python3', [script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (server.stdout === null) throw new Error('The server has no output.');
  const { value: port } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
  return { url: `http://127.0.0.1:${port}/file.bin`, close: () => server.stdin?.end() };
}
