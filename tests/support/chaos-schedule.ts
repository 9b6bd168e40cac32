import { randomNumbers } from './random-numbers.ts';

/** What may happen to a run. The process is looked up when it happens; there is none if that part is not running. */
export const BLOWS = [
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
export type Blow = (typeof BLOWS)[number];

export interface Strike {
  /** Whether it waits until the command works on its run: otherwise it falls on what is only just starting. */
  readonly waits: boolean;
  /** After that, in ms. */
  readonly afterMs: number;
  readonly blow: Blow;
}

/** Two to five blows, the same for a seed on every machine; ten seeds in a row begin with each kind once. */
export function chaosSchedule(seed: number): readonly Strike[] {
  const { share, below, oneOf } = randomNumbers(seed);
  const count = 2 + below(4);
  return Array.from({ length: count }, (_, index) => {
    const blow = index === 0 ? (BLOWS[seed % BLOWS.length] ?? 'kill everything') : oneOf(BLOWS);
    return { waits: share() < 0.8, afterMs: Math.floor(share() * share() * 8_000), blow };
  });
}
