import { expect, it } from 'vitest';
import { resolveRun } from '../../../runtime/run/resolve-run.ts';
import {
  endSchedule,
  keepSchedule,
  listSchedules,
  scheduleOf,
  scheduleTimes,
} from '../../../runtime/run/run-schedules.ts';
import { connectTo } from '../../../runtime/server/connection.ts';
import { SEARCH_ATTRIBUTES } from '../../../workflows/search-attributes.ts';
import { suiteFolder } from '../../support/in-temporary-folder.ts';
import { serveStubbed, stubbedRun } from '../../support/stubbed-run.ts';
import { startTestServer } from '../../support/temporal.ts';

const folder = suiteFolder();

it('repeats a run, and fails once when a verdict has changed', async () => {
  const server = await startTestServer(SEARCH_ATTRIBUTES);
  const client = await connectTo(server);
  const stubbed = stubbedRun(folder(), 1);
  let said = 'reproduced';
  const judge = () => Promise.resolve({ verdict: 'reproduced', said });
  const seen: unknown[] = [];
  const openResults = (input: { readonly folders: unknown }) => Promise.resolve(void seen.push(input.folders));
  const stop = await serveStubbed(stubbed, server, { steps: { compareTask: judge, openResults } });
  const run = resolveRun(stubbed.input.config, stubbed.home, stubbed.input.folders);
  const id = scheduleOf(run);
  try {
    expect(await keepSchedule(client, server, run, { times: scheduleTimes('month'), home: stubbed.home })).toBe(false);
    expect(await keepSchedule(client, server, run, { times: scheduleTimes('week'), home: stubbed.home })).toBe(true);
    const nextTime = async () => {
      const before = (await listSchedules(client))[0]?.last?.workflow;
      await client.schedule.getHandle(id).trigger();
      const ended = async () => {
        const last = (await listSchedules(client))[0]?.last;
        return last === undefined || last.workflow === before || last.status === 'running' ? 'not yet' : last.status;
      };
      await expect.poll(ended, { timeout: 300_000, interval: 200 }).not.toBe('not yet');
      // A second of the same time would have its id.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      return ended();
    };
    expect(await nextTime()).toBe('same verdicts');
    said = 'differs';
    expect(await nextTime()).toBe('verdict changed');
    expect(await nextTime()).toBe('same verdicts');
    const [schedule] = await listSchedules(client);
    expect(schedule).toMatchObject({ id, paused: false });
    expect(Date.parse(schedule?.next ?? '')).toBeGreaterThan(Date.now());
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map((each) => Object(each).generation)).size).toBe(3);
    expect(Object(seen[0]).results).toContain(`${stubbed.input.folders.results}/20`);
    expect(await endSchedule(client, id)).toBe(true);
    expect(await endSchedule(client, id)).toBe(false);
  } finally {
    await stop();
    await client.connection.close();
    await server.stop();
  }
});

it('accepts day, week, month and cron expressions, and nothing else', () => {
  expect(scheduleTimes('month')).toEqual({ calendars: [{ hour: 3, dayOfMonth: 1 }] });
  expect(scheduleTimes('0 3 1 * *')).toEqual({ cronExpressions: ['0 3 1 * *'] });
  for (const every of ['year', '', '5 minutes']) {
    expect(() => scheduleTimes(every)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  }
});
