import type { Client } from '@temporalio/client';
import { stageId } from '../../workflows/ids.ts';
import type { StageProgress } from '../../workflows/progress.ts';
import { pendingSteps } from './pending-steps.ts';

/** A stage as it is now. */
export interface LiveStage extends StageProgress {
  /** How far the steps are that go on. */
  readonly steps?: readonly string[];
}

/**
 * The stages of a run as they are now: the run itself is told seldom, so that its history can be read; what goes on is
 * asked of the acquisition, and of the page of ROIs that a stage works on.
 *
 * @param told - As the run knows them.
 */
export function liveStages(client: Client, run: string, told: readonly StageProgress[]): Promise<LiveStage[]> {
  return Promise.all(
    told.map(async (stage): Promise<LiveStage> => {
      if (stage.state !== 'running') return stage;
      const { counts, steps } = await askStage(client, stageId(run, stage.stage)).catch(() => NOTHING);
      const now = counts.reduce((furthest, each) => (each.done >= furthest.done ? each : furthest), stage);
      return steps.length === 0 ? now : { ...now, steps };
    }),
  );
}

/** The only stage of a workflow that has no children, with the steps that go on. */
export async function liveSteps(client: Client, id: string): Promise<LiveStage[]> {
  const { counts, steps } = await askWorkflow(client, id);
  return counts.map((stage) => (steps.length === 0 ? stage : { ...stage, steps }));
}

interface Answers {
  readonly counts: readonly StageProgress[];
  readonly steps: readonly string[];
}
const NOTHING: Answers = { counts: [], steps: [] };

/** What a stage knows, and the pages of it that are open. */
async function askStage(client: Client, id: string): Promise<Answers> {
  const { raw } = await client.workflow.getHandle(id).describe();
  const children = (raw.pendingChildren ?? []).flatMap(({ workflowId }) => workflowId ?? []);
  const asked = await Promise.allSettled([id, ...children].map((each) => askWorkflow(client, each)));
  const answers = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  return { counts: answers.flatMap(({ counts }) => counts), steps: answers.flatMap(({ steps }) => steps) };
}

async function askWorkflow(client: Client, id: string): Promise<Answers> {
  const handle = client.workflow.getHandle(id);
  const [counts, { raw }] = await Promise.all([handle.query<StageProgress[]>('progress'), handle.describe()]);
  return { counts, steps: pendingSteps(raw.pendingActivities ?? []) };
}
