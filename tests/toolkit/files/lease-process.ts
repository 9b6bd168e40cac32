import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Rhythm } from '../../../toolkit/files/lease.ts';

const PROGRAM = fileURLToPath(new URL('use-leases-process.mjs', import.meta.url));

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
  const child = fork(PROGRAM, { execArgv: [], env: { ...process.env, ...env } });
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
