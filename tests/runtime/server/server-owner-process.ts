import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('server-owner-process.mjs', import.meta.url));

/** Starts a state directory's server from another process, and kills that process: the server is left over. */
export async function leaveServerBehind(home: string, binary: string): Promise<void> {
  const child = fork(PROGRAM, [home, binary], { execArgv: [] });
  const ended = once(child, 'exit');
  await once(child, 'message');
  child.kill('SIGKILL');
  await ended;
}
