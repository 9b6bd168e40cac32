import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Queue } from '../../config/tasks.ts';
import type { Place } from '../../tests/support/command.ts';
import { endChild, type Proof } from '../proof.ts';

const ENTRY = fileURLToPath(new URL('../../bin/reignite.js', import.meta.url));

/** A `reignite worker` with its own process group. */
export interface WorkerGroup {
  readonly process: ChildProcess;
  readonly stderr: () => string;
  /** Ends it cleanly. */
  stop(): Promise<void>;
  /** Kills all of its processes at once, like the loss of a machine. */
  kill(): void;
}

/** Starts a worker of one task queue. */
export function startWorkerGroup(proof: Proof, queue: Queue, { home, cwd, environment, entry }: Place): WorkerGroup {
  const words = ['worker', '--queues', queue, '--set', 'temporal.heartbeatThrottleSeconds=1'];
  const child = spawn(process.execPath, [entry ?? ENTRY, ...words], {
    cwd,
    env: { ...process.env, ...environment, REIGNITE_HOME: home },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const stop = () => endChild(child);
  proof.atEnd(stop);
  return {
    process: child,
    stderr: () => said,
    stop,
    kill() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    },
  };
}
