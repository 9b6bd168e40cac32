// Downloads files from a server that injects every fault that Zenodo could have: first each alone, then in seeded
// random sequences during which the worker is killed. Prints what went wrong; the exit status is then 1.
// Usage: npx tsx scripts/fault-schedules.ts [--count 200] [--first 1] [--lanes 3] [--only NAME]
import { parseArgs } from 'node:util';
import { aloneSchedules, randomSchedule } from '../tests/support/faults/fault.ts';
import { type Outcome, runSchedule, WorkerLane } from '../tests/support/faults/run-schedule.ts';
import { mapConcurrent } from '../toolkit/concurrency.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    first: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '3' },
    only: { type: 'string' },
  },
});
const alone = aloneSchedules();
const randoms = Array.from({ length: Number(values.count) }, (_, index) =>
  randomSchedule(Number(values.first) + index),
);
const all = [...(values.first === '1' ? alone : []), ...randoms].slice(0, Number(values.count));
const schedules = values.only === undefined ? all : all.filter(({ name }) => name.startsWith(`${values.only}`));

const lanes = Array.from({ length: Number(values.lanes) }, () => new WorkerLane());
const free = [...lanes];
const outcomes = await mapConcurrent(schedules, lanes.length, undefined, async (schedule) => {
  const lane = free.pop() ?? new WorkerLane();
  const outcome = await runSchedule(schedule, lane);
  free.push(lane);
  if (outcome.findings.length > 0 || values.only !== undefined) console.log(JSON.stringify(outcome));
  return outcome;
});

const sum = (of: (outcome: Outcome) => number, among = outcomes) => among.reduce((total, each) => total + of(each), 0);
const frugal = outcomes.filter((outcome) => outcome.frugal);
const ratioOf = ({ sent, size }: Outcome) => (size === 0 ? 0 : sent / size);
const bad = outcomes.filter(({ findings }) => findings.length > 0);
console.log(`${outcomes.length} schedules, ${bad.length} with findings`);
console.log(
  `${sum((each) => each.attempts)} attempts, ${sum((each) => each.requests)} requests, ${sum((each) => each.kills)} kills`,
);
console.log(`connections at once, at most ${Math.max(...outcomes.map((each) => each.mostConnections))}`);
const total = sum((each) => each.sent, frugal) / sum((each) => each.size, frugal);
const worst = Math.max(...frugal.map(ratioOf));
console.log(
  `${frugal.length} without corruption and with Range: ${total.toFixed(3)} times their size was sent, ${worst.toFixed(3)} in the worst`,
);
await Promise.all(lanes.map((lane) => lane.kill()));
process.exit(bad.length > 0 ? 1 : 0);
