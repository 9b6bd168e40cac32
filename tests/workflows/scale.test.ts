import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTo } from '../../runtime/server/connection.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { historySizes } from '../support/history-sizes.ts';
import { suiteFolder } from '../support/in-temporary-folder.ts';
import { serveStubbed, startStubbed, stubbedRun } from '../support/stubbed-run.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';

/** The largest page that the configuration allows, so that no smaller one has a longer history. */
const PAGE = 250;
/** Two pages. `bench/scale.ts` runs more of them. */
const ROIS = 2 * PAGE;

describe('a run of 500 ROIs', () => {
  const folder = suiteFolder();
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  it('keeps every history short and every payload small', async () => {
    const run = stubbedRun(folder(), ROIS, { temporal: { maxConcurrentRois: 16, batchSize: PAGE } });
    const inferred = new Map<string, number>();
    const following = new Map<string, string | undefined>();
    const stop = await serveStubbed(run, server, {
      onInferred: (roi, next) => {
        inferred.set(roi, (inferred.get(roi) ?? 0) + 1);
        following.set(roi, next);
      },
    });
    const client = await connectTo(server);
    try {
      const handle = await startStubbed(client, run);
      expect(await handle.result()).toMatchObject({ status: 'done', verdicts: { he: 'reproduced' } });
      expect(inferred.size).toBe(ROIS);
      expect([...inferred.values()].every((times) => times === 1)).toBe(true);
      const last = [...following].filter(([, next]) => next === undefined);
      expect(last).toHaveLength(ROIS / PAGE);
      expect(following.get('patient1_he_roi0_with_context')).toBe('images/he/patient2_he_roi1_with_context.png');
      const sizes = await historySizes(client, run.id);
      expect(sizes.workflows).toBe(4 + ROIS / PAGE);
      expect(sizes.events).toBeLessThan(4_096);
      expect(sizes.bytes).toBeLessThan(4_000_000);
      expect(sizes.payloadBytes).toBeLessThan(100_000);
      const { events } = await handle.fetchHistory();
      expect((events ?? []).filter(({ workflowExecutionSignaledEventAttributes: signal }) => signal)).toEqual([]);
      const stages = await handle.query<readonly StageProgress[]>('progress');
      expect(stages.map(({ stage, done, of, state }) => `${stage} ${done} ${of} ${state}`)).toEqual([
        'acquire 0 0 done',
        `he ${ROIS} ${ROIS} done`,
      ]);
    } finally {
      await client.connection.close();
      await stop();
    }
  });
});
