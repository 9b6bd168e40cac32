import type { ScheduleSpec } from '@temporalio/client';
import { ReigniteError } from '../../toolkit/errors.ts';

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
