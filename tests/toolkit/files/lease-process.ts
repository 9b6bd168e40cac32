import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { acquireLease, type OwnLease, type Rhythm } from '../../../toolkit/files/lease.ts';

type Order =
  /** Acquire the lease if it is free; answers whether that went well. */
  | { readonly do: 'acquire'; readonly path: string; readonly rhythm?: Rhythm }
  /** Release what was acquired. */
  | { readonly do: 'release' }
  /** Hold the lease some times in a row; lines in `log` say when it was got and given back. */
  | { readonly do: 'contend'; readonly path: string; readonly log: string; readonly rounds: number }
  /** Acquire and release without end. */
  | { readonly do: 'churn'; readonly path: string };

/** Another process that uses leases. */
export interface LeaseProcess {
  readonly process: ChildProcess;
  readonly order: (order: Order) => Promise<unknown>;
  /** SIGKILL: nothing is released. */
  readonly kill: () => Promise<void>;
}

/**
 * @param env - More of its environment, such as a faked clock.
 * @returns A process that is ready, so that several may be let go at the same moment.
 */
export async function startLeaseProcess(env: NodeJS.ProcessEnv = {}): Promise<LeaseProcess> {
  const child = fork(fileURLToPath(import.meta.url), ['stand-by'], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'exit');
  await once(child, 'message');
  return {
    process: child,
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

let lease: OwnLease | undefined;

async function obey(order: Order): Promise<unknown> {
  if (order.do === 'release') return void (await lease?.release());
  if (order.do === 'acquire') {
    const { path, ...options } = order;
    const outcome = await acquireLease(path, options.rhythm === undefined ? {} : { rhythm: options.rhythm });
    lease = outcome.acquired ? outcome : undefined;
    return outcome.acquired;
  }
  if (order.do === 'churn') {
    for (;;) {
      const outcome = await acquireLease(order.path, { rhythm: { renewMs: 1, silentMs: 30_000 } });
      if (outcome.acquired) {
        await sleep(Math.random() * 4);
        await outcome.release();
      }
    }
  }
  return contend(order);
}

async function contend({ path, log, rounds }: Extract<Order, { do: 'contend' }>): Promise<true> {
  for (let round = 0; round < rounds; ) {
    const outcome = await acquireLease(path);
    if (outcome.acquired) {
      appendFileSync(log, `got ${process.pid}\n`);
      await new Promise(setImmediate);
      appendFileSync(log, `gave ${process.pid}\n`);
      await outcome.release();
      round += 1;
    }
    await sleep(Math.random());
  }
  return true;
}

if (process.argv[2] === 'stand-by') {
  process.on('message', async (order: Order) => {
    process.send?.((await obey(order)) ?? 'done');
  });
  process.send?.('ready');
}
