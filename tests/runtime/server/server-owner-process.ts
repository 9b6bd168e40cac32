import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startEmbeddedServer } from '../../../runtime/server/embedded-server.ts';
import { ANY_PORTS } from '../../support/temporal.ts';

/** Starts a state directory's server from another process, and kills that process: the server is left over. */
export async function leaveServerBehind(home: string, binary: string): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['own', home, binary], { execArgv: ['--import', 'tsx'] });
  const ended = once(child, 'exit');
  await once(child, 'message');
  child.kill('SIGKILL');
  await ended;
}

const [, , order, home = '', binary = ''] = process.argv;
if (order === 'own') {
  await startEmbeddedServer({ home, binary, ports: ANY_PORTS });
  process.send?.('started');
}
