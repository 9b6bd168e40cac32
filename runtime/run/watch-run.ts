import type { Client, Connection, WorkflowHandle } from '@temporalio/client';
import type { ControlState } from '../../workflows/control.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import type { reproduce } from '../../workflows/reproduce.ts';
import { type LiveStage, liveStages } from './live-stages.ts';
import { type Look, untilClosed } from './until-closed.ts';

type Handle = WorkflowHandle<typeof reproduce>;

/** Follows a run until it has closed, and tells about progress. */
export async function watchRun(
  client: Client & { readonly connection: Connection },
  id: string,
  onProgress: (stages: readonly LiveStage[], control: ControlState) => void,
  signal: AbortSignal,
): Promise<void> {
  const handle: Handle = client.workflow.getHandle(id);
  const look: Look = async (_description, ask) => {
    const state = await ask(async () => ({
      stages: await liveStages(client, id, await handle.query<StageProgress[]>('progress')),
      control: await handle.query<ControlState>('control'),
    }));
    if (state !== undefined) onProgress(state.stages, state.control);
  };
  await untilClosed(client, id, look, signal);
}
