import {
  type Client,
  type Connection,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  type ScheduleSpec,
} from '@temporalio/client';
import { packageVersion } from '../../config/package-files.ts';
import { taskQueue } from '../../config/tasks.ts';
import { ReigniteError } from '../../toolkit/errors.ts';
import { allowPlaces, placesNamedIn } from '../../toolkit/files/allowed-places.ts';
import type { HomeFolders } from '../../toolkit/files/folders.ts';
import { scheduleId } from '../../workflows/ids.ts';
import type { RepeatInput } from '../../workflows/reproduce.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/search-attributes.ts';
import type { ServerAddress } from '../server/connection.ts';
import { hasSearchAttributes } from '../server/namespace-setup.ts';
import type { ResolvedRun } from './resolve-run.ts';

type ConnectedClient = Client & { readonly connection: Connection };

const PREFIX = 'schedule/';

/** A schedule of runs. */
export interface RunSchedule {
  readonly id: string;
  /** ISO 8601; undefined if it never starts another run. */
  readonly next: string | undefined;
  readonly paused: boolean;
  /** The most recent start of a run; undefined before the first. */
  readonly last: { readonly at: string; readonly workflow: string; readonly status: string } | undefined;
}

/** @returns ID of the schedule of a run: one per record and profile. */
export function scheduleOf({ input: { config }, id }: ResolvedRun): string {
  return scheduleId(id.split('/')[1] ?? config.record, config.name);
}

/**
 * Schedules a run to be repeated; replaces the schedule of the same record and profile.
 *
 * @returns Whether it replaced a schedule.
 * @throws The server's error for times that it rejects.
 */
export async function keepSchedule(
  client: ConnectedClient,
  server: ServerAddress,
  run: ResolvedRun,
  { times, home }: { readonly times: ScheduleSpec; readonly home: HomeFolders },
): Promise<boolean> {
  const { config, digest } = run.input;
  const searchable = await hasSearchAttributes(client.connection, server.namespace, SEARCH_ATTRIBUTES);
  const memo = { record: config.record, digest, versions: { reignite: packageVersion(), node: process.versions.node } };
  const input: RepeatInput = { run: run.id, input: { ...run.input, searchable }, memo };
  await allowPlaces(home, placesNamedIn([input]));
  const id = scheduleOf(run);
  const options: ScheduleOptions = {
    scheduleId: id,
    spec: times,
    action: {
      type: 'startWorkflow',
      workflowType: 'repeatReproduction',
      workflowId: id,
      taskQueue: taskQueue(config.temporal.taskQueuePrefix, 'orchestration'),
      args: [input],
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '7 days' },
  };
  const isKnown = await endSchedule(client, id);
  await client.schedule.create(options);
  return isKnown;
}

/** Deletes a schedule; runs that it started are not affected. @returns Whether it existed. */
export async function endSchedule(client: Client, id: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(id).delete();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

/** Lists the schedules of runs on a server, by ID. */
export async function listSchedules(client: Client): Promise<readonly RunSchedule[]> {
  const found: RunSchedule[] = [];
  for await (const { scheduleId: id } of client.schedule.list()) {
    if (!id.startsWith(PREFIX)) continue;
    const described = await client.schedule.getHandle(id).describe();
    const { info, state } = described;
    const recent = info.recentActions.at(-1);
    found.push({
      id,
      next: info.nextActionTimes[0]?.toISOString(),
      paused: state.paused,
      last:
        recent === undefined
          ? undefined
          : {
              at: recent.takenAt.toISOString(),
              workflow: recent.action.workflow.workflowId,
              status: await statusOf(client, recent.action.workflow.workflowId),
            },
    });
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** @throws ReigniteError RUN_NOT_FOUND when the run has no schedule. */
export async function needSchedule(client: Client, run: ResolvedRun): Promise<string> {
  const id = scheduleOf(run);
  if (await endSchedule(client, id)) return id;
  throw new ReigniteError('RUN_NOT_FOUND', `There is no schedule ${id}.`, {
    remedy: 'Run `npx reignite schedule` to list the schedules.',
  });
}

/** Returns `running`, `same verdicts`, `verdict changed`, or how it ended otherwise. */
async function statusOf(client: Client, workflowId: string): Promise<string> {
  const handle = client.workflow.getHandle(workflowId);
  const name = await handle.describe().then(
    ({ status }) => status.name,
    () => 'GONE',
  );
  if (name === 'COMPLETED') return 'same verdicts';
  if (name !== 'FAILED') return name.toLowerCase();
  const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
  const type: unknown = Object(Object(error).cause).type;
  return type === 'VERDICT_CHANGED' ? 'verdict changed' : `failed${typeof type === 'string' ? `: ${type}` : ''}`;
}

/** At night, when machines are idle. Hour in UTC. */
const HOUR = 3;
/** Minute, hour, day of the month, month, day of the week. */
const CRON = /^(\S+ ){4}\S+$/;

/**
 * Returns the times at which a schedule starts runs.
 *
 * @param every - `day`, `week` (Mondays), `month` (the first), or a cron expression of five fields; times are UTC.
 * @throws ReigniteError USAGE for anything else.
 */
export function scheduleTimes(every: string): ScheduleSpec {
  switch (every) {
    case 'day':
      return { calendars: [{ hour: HOUR }] };
    case 'week':
      return { calendars: [{ hour: HOUR, dayOfWeek: 'MONDAY' }] };
    case 'month':
      return { calendars: [{ hour: HOUR, dayOfMonth: 1 }] };
    default:
      if (CRON.test(every)) return { cronExpressions: [every] };
  }
  throw new ReigniteError('USAGE', `A run cannot be repeated every "${every}".`, {
    remedy: 'Use `--every day`, `week` or `month`, or a cron expression of five fields such as `--every "0 3 1 * *"`.',
  });
}
