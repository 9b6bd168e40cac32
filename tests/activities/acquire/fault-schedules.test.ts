import { afterAll, describe, expect, it } from 'vitest';
import { aloneSchedules, randomSchedule, type Schedule } from '../../support/faults/fault.ts';
import { runSchedule, WorkerLane } from '../../support/faults/run-schedule.ts';

/** A few that go ways of their own through the code; `scripts/fault-schedules.ts` runs every fault, and 200 sequences. */
const NAMES = [
  'kill',
  'cancel',
  'disk-full',
  'range-ignored',
  'wrong-range',
  'encoded',
  'changed',
  'no-room',
  'locked',
  'read-only',
];
const chosen: readonly Schedule[] = [
  ...aloneSchedules().filter(({ name }) => NAMES.some((kind) => name === `alone: ${kind}`)),
  ...[1, 2, 3].map(randomSchedule),
];
const lanes = [new WorkerLane(), new WorkerLane()];
afterAll(() => Promise.all(lanes.map((lane) => lane.kill())));

describe('an acquisition from a faulty server', () => {
  it.each(lanes.map((lane, index) => ({ lane, index })))(
    'ends with every file correct ($index)',
    { concurrent: true },
    async ({ lane, index }) => {
      for (const schedule of chosen.filter((_, at) => at % lanes.length === index)) {
        expect(await runSchedule(schedule, lane)).toMatchObject({ findings: [] });
      }
    },
  );
});
