import { loadConfig } from '../../runtime/load-config.ts';
import { pinRecord, resolveRun } from '../../runtime/run/resolve-run.ts';
import {
  keepSchedule,
  listSchedules,
  needSchedule,
  type RunSchedule,
  scheduleOf,
  scheduleTimes,
} from '../../runtime/run/run-schedules.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { homeFromEnvironment } from '../../toolkit/files/folders.ts';
import { EXIT, printable, printResult, printStep } from '../output.ts';
import { withHomeServer } from '../with-home-server.ts';
import type { PlanOptions } from './plan.ts';

export interface ScheduleCommandOptions extends Omit<PlanOptions, 'fresh'> {
  /** day, week, month, or a cron expression: creates a schedule. */
  readonly every?: string;
  /** Whether to remove the schedule of the configuration. */
  readonly end?: boolean;
}

/**
 * `reignite schedule`: repeats a run, removes its schedule, or lists all schedules.
 *
 * @throws ReigniteError USAGE for invalid times, RUN_NOT_FOUND if there is no schedule to remove.
 */
export async function scheduleCommand(options: ScheduleCommandOptions, signal: AbortSignal): Promise<number> {
  const { every, end, json } = options;
  if (every !== undefined && end === true) throw new ReigniteError('USAGE', '--every and --end exclude each other.');
  if (every === undefined && end !== true) return listThem(json ?? false, signal);
  const home = homeFromEnvironment();
  const times = every === undefined ? undefined : scheduleTimes(every);
  const config = await pinRecord(await loadConfig(options), home, printStep, signal);
  const run = resolveRun(config, home, options);
  return withHomeServer(signal, [], async ({ client, server }) => {
    if (times === undefined) {
      const id = await needSchedule(client, run);
      printResult(json ? JSON.stringify({ ended: id }) : `Removed ${id}; runs that it started are kept.`);
      return EXIT.done;
    }
    const isKnown = await keepSchedule(client, server, run, { times, home });
    if (!server.external) {
      printStep(
        'The embedded server starts runs only while it runs: keep `npx reignite server` and `npx reignite worker` running.',
      );
    }
    const id = scheduleOf(run);
    const schedule = (await listSchedules(client)).find((each) => each.id === id);
    if (json) printResult(JSON.stringify({ schedule }, null, 1));
    else printResult(`${isKnown ? 'Replaced' : 'Created'} ${id}; the first run starts at ${timeText(schedule?.next)}.`);
    return EXIT.done;
  });
}

async function listThem(json: boolean, signal: AbortSignal): Promise<number> {
  const schedules = await withHomeServer(signal, [], ({ client }) => listSchedules(client));
  if (json) printResult(JSON.stringify({ schedules }, null, 1));
  else if (schedules.length === 0)
    printResult('Nothing is scheduled. Repeat a run with `npx reignite schedule --every month`.');
  else printResult(printable(schedules.map(rowOf).join('\n')));
  return EXIT.done;
}

function rowOf({ id, next, paused, last }: RunSchedule): string {
  const before = last === undefined ? 'not run yet' : `last ${timeText(last.at)}: ${last.status}`;
  return [id, paused ? 'paused' : `next ${timeText(next)}`, before].join('  ');
}

function timeText(iso: string | undefined): string {
  return iso === undefined ? 'no time' : `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}
