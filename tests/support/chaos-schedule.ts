import { randomNumbers } from './random-numbers.ts';

/** Faults to inject into a run. The process is looked up at that time; there is none if that part is not running. */
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
  /** Whether to wait until the command works on its run; otherwise the fault hits it while it is starting. */
  readonly waits: boolean;
  /** Delay after that, in ms. */
  readonly afterMs: number;
  readonly fault: Fault;
}

/** Returns two to five faults, always the same for a seed; among ten consecutive seeds, each kind comes first once. */
export function chaosSchedule(seed: number): readonly ScheduledFault[] {
  const { share, below, oneOf } = randomNumbers(seed);
  const count = 2 + below(4);
  return Array.from({ length: count }, (_, index) => {
    const fault = index === 0 ? (FAULTS[seed % FAULTS.length] ?? 'kill everything') : oneOf(FAULTS);
    return { waits: share() < 0.8, afterMs: Math.floor(share() * share() * 8_000), fault };
  });
}
