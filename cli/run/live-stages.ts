import type { Client } from '@temporalio/client';
import { stageId } from '../../workflows/ids.ts';
import type { StageProgress } from '../../workflows/progress.ts';

/**
 * The stages of a run as they are now: the run itself is told seldom, so that its history can be read; what goes on is
 * asked of the acquisition, and of the page of ROIs that a stage works on.
 *
 * @param told - As the run knows them.
 */
export function liveStages(client: Client, run: string, told: readonly StageProgress[]): Promise<StageProgress[]> {
  return Promise.all(
    told.map(async (stage) => {
      if (stage.state !== 'running') return stage;
      const answers = await askStage(client, stageId(run, stage.stage)).catch(() => []);
      return answers.reduce((furthest, each) => (each.done >= furthest.done ? each : furthest), stage);
    }),
  );
}

/** What a stage knows, and the page of it that is open. */
async function askStage(client: Client, id: string): Promise<StageProgress[]> {
  const handle = client.workflow.getHandle(id);
  const { raw } = await handle.describe();
  const children = (raw.pendingChildren ?? []).flatMap(({ workflowId }) => workflowId ?? []);
  const asked = [handle, ...children.map((child) => client.workflow.getHandle(child))];
  const answers = await Promise.allSettled(asked.map((each) => each.query<StageProgress[]>('progress')));
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}
