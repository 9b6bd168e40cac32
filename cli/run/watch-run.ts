import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { ControlState } from '../../workflows/control.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import type { reproduce } from '../../workflows/reproduce.ts';
import { type LiveStage, liveStages } from './live-stages.ts';

const POLL_MS = 400;
/** A question to a workflow whose worker is busy or away must not hold up the watching. */
const QUERY_MS = 2_000;
/** A server that is being started again is waited for so long. */
const DESCRIBE_MS = 15_000;

type Handle = WorkflowHandle<typeof reproduce>;

/** Follows a run until it has closed, and tells about progress. */
export async function watchRun(
  client: Client,
  id: string,
  onProgress: (stages: readonly LiveStage[], control: ControlState) => void,
  signal: AbortSignal,
): Promise<void> {
  const handle: Handle = client.workflow.getHandle(id);
  for (;;) {
    signal.throwIfAborted();
    const { status } = await client.connection.withDeadline(Date.now() + DESCRIBE_MS, () => handle.describe());
    if (status.name !== 'RUNNING') return;
    const state = await client.connection
      .withDeadline(Date.now() + QUERY_MS, async () => ({
        stages: await liveStages(client, id, await handle.query<StageProgress[]>('progress')),
        control: await handle.query<ControlState>('control'),
      }))
      .catch(() => undefined);
    if (state !== undefined) onProgress(state.stages, state.control);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
