import { randomNumbers } from './random-numbers.ts';

/** What may happen to a run. The process is looked up when it happens; there is none if that part is not running. */
export const FAULTS = [
  'kill inference',
  'kill orchestration',
  'kill server',
  'kill command',
  'kill everything',
  'terminate inference',
  'terminate orchestration',
  'terminate command',
  'pause and resume',
  'cancel and restart',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface ScheduledFault {
  /** Whether it waits until the command works on its run: otherwise it falls on what is only just starting. */
  readonly waits: boolean;
  /** After that, in ms. */
  readonly afterMs: number;
  readonly fault: Fault;
}

/** Two to five blows, the same for a seed on every machine; ten seeds in a row begin with each kind once. */
export function chaosSchedule(seed: number): readonly ScheduledFault[] {
  const { share, below, oneOf } = randomNumbers(seed);
  const count = 2 + below(4);
  return Array.from({ length: count }, (_, index) => {
    const fault = index === 0 ? (FAULTS[seed % FAULTS.length] ?? 'kill everything') : oneOf(FAULTS);
    return { waits: share() < 0.8, afterMs: Math.floor(share() * share() * 8_000), fault };
  });
}
