import { setTimeout as sleep } from 'node:timers/promises';
import { QUEUES, type Queue, taskQueue } from '../../config/task-queues.ts';

/** Workers that are just being started poll by then. */
const PATIENT_LOOKS = 3;

export interface Look {
  /** The queues that no worker serves at the moment: one that is busy serves. */
  readonly look: () => Promise<readonly Queue[]>;
  readonly taskQueuePrefix: string;
  readonly onStep: (line: string) => void;
  /** Between two looks. */
  readonly lookMs: number;
}

/**
 * Says which task queues have no worker, once for each set of them, until told to stop: a run would wait for one for
 * ever without a word.
 */
export async function tellUnserved(
  { look, taskQueuePrefix, onStep, lookMs }: Look,
  signal: AbortSignal,
): Promise<void> {
  let told = '';
  let looks = 0;
  while (!signal.aborted) {
    const unserved = await look().catch((): readonly Queue[] => []);
    looks = unserved.length === 0 ? 0 : looks + 1;
    if (looks >= PATIENT_LOOKS && told !== unserved.join()) {
      told = unserved.join();
      onStep(unservedLine(taskQueuePrefix, unserved));
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined);
  }
}

function unservedLine(prefix: string, unserved: readonly Queue[]): string {
  const names = unserved.map((queue) => taskQueue(prefix, queue)).join(', ');
  const which = unserved.length === QUEUES.length ? '' : ` --queues ${unserved.join(',')}`;
  return `No worker serves ${names}: the run waits. Start one with \`npx reignite worker${which}\`.`;
}
