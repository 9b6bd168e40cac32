import { WorkflowNotFoundError } from '@temporalio/client';
import { afterEach, expect, it, vi } from 'vitest';
import { followRun } from '../../../cli/run/follow-run.ts';
import { runToCompletion } from '../../../cli/run/run.ts';
import type { ServerSession } from '../../../runtime/server/server-session.ts';
import type { Summary } from '../../../toolkit/report/summary.ts';
import { stubbedRun } from '../../support/stubbed-run.ts';

vi.mock('../../../cli/run/follow-run.ts', () => ({ followRun: vi.fn() }));

const SUMMARY: Summary = { run: 'r', record: '1', profile: 'p', digest: 'd', status: 'done', tasks: {} };
const RUN = stubbedRun('/nowhere', 1);
const lost = () => new WorkflowNotFoundError('workflow not found', RUN.id, undefined);

const start = vi.fn(() => Promise.resolve());
const seen = (session: ServerSession) => runToCompletion(session, RUN, start, new AbortController().signal);

function sessionOf(external: boolean): ServerSession {
  const rest: Omit<ServerSession, 'server' | 'client'> = {
    owner: true,
    failed: new Promise<never>(() => undefined),
    ready: async () => undefined,
    close: () => Promise.resolve(),
  };
  return Object.assign(Object.create(null), rest, { server: { address: 'a:1', namespace: 'default', external } });
}

afterEach(() => vi.clearAllMocks());

it('restarts a run that the server lost with its database', async () => {
  vi.mocked(followRun).mockRejectedValueOnce(lost()).mockResolvedValueOnce(SUMMARY);
  expect(await seen(sessionOf(false))).toBe(SUMMARY);
  expect(start).toHaveBeenCalledTimes(2);
});

it('does not restart on a shared server', async () => {
  vi.mocked(followRun).mockRejectedValueOnce(lost());
  await expect(seen(sessionOf(true))).rejects.toThrow(WorkflowNotFoundError);
  expect(start).toHaveBeenCalledTimes(1);
});
