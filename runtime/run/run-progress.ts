import type { Client, Connection, WorkflowHandle } from '@temporalio/client';
import type { ControlState } from '../../workflows/control.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import type { reproduce } from '../../workflows/reproduce.ts';
import { type LiveStage, liveStages } from './live-stages.ts';
import { describeUntilClosed } from './until-closed.ts';

/** How far a run is, and how it is controlled. */
export interface RunProgress extends ControlState {
  /** In the order in which they started: `acquire`, then one per task. */
  readonly stages: readonly LiveStage[];
}

/**
 * Asks a run about twice a second how far it is, until it has closed. A look that its worker does not answer in time is
 * left out.
 *
 * @throws The signal's reason; the server's error when it cannot be reached.
 */
export async function* runProgress(
  client: Client & { readonly connection: Connection },
  id: string,
  signal: AbortSignal,
): AsyncGenerator<RunProgress, void, undefined> {
  const handle: WorkflowHandle<typeof reproduce> = client.workflow.getHandle(id);
  for await (const { ask } of describeUntilClosed(client, id, signal)) {
    const state = await ask(async () => ({
      stages: await liveStages(client, id, await handle.query<StageProgress[]>('progress')),
      ...(await handle.query<ControlState>('control')),
    }));
    if (state !== undefined) yield state;
  }
}
