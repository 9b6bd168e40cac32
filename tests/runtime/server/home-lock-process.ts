import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { acquireHomeLock, type OwnedHome, waitForHomeLock } from '../../../runtime/server/home-server.ts';

type Order =
  /** Take the state directory if it is free; answers whether that went well. */
  | { readonly do: 'take'; readonly home: string }
  /** Own the state directory some times in a row and write into `log` when it came in and when it left. */
  | { readonly do: 'contend'; readonly home: string; readonly log: string; readonly rounds: number };

/** Another process that uses locks. */
export interface LockProcess {
  readonly order: (order: Order) => Promise<unknown>;
  /** SIGKILL: nothing is released. */
  readonly kill: () => Promise<void>;
}

/** @returns A process that waits, so that several can be started at the same moment. */
export async function startLockProcess(): Promise<LockProcess> {
  const child = fork(fileURLToPath(import.meta.url), ['stand-by'], { execArgv: ['--import', 'tsx'] });
  const ended = once(child, 'exit');
  await once(child, 'message');
  return {
    order: async (order) => {
      child.send(order);
      const [answer] = await once(child, 'message');
      return answer;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

if (process.argv[2] === 'stand-by') {
  process.on('message', async (order: Order) => {
    process.send?.(await obey(order));
  });
  process.send?.('ready');
}

async function obey(order: Order): Promise<boolean> {
  if (order.do === 'take') return (await acquireHomeLock(order.home)).owner;
  for (let round = 0; round < order.rounds; round++) {
    const lock: OwnedHome = await waitForHomeLock(order.home, { pollMs: 2 });
    appendFileSync(order.log, `in ${process.pid}\n`);
    await sleep(1);
    appendFileSync(order.log, `out ${process.pid}\n`);
    await lock.release();
  }
  return true;
}
