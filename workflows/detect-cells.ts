import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { RunInput } from '../activities/inputs.ts';
import type { StageOutcome } from '../activities/write-summary.ts';
import type { CellTask } from '../config/tasks.ts';
import type { StagePlan } from './infer-chunk.ts';
import { runStage, type StageCursor, type StageInput } from './stage.ts';
import { inference, ownModel, rendering } from './steps.ts';

/** Nuclei detection in the whole test set, and the agreement of its readers. */
export async function detectNuclei(stage: StageInput): Promise<StageOutcome> {
  return detect('nuclei', stage, (resume) => continueAsNew<typeof detectNuclei>({ ...stage, resume }));
}

/** Detection of PD-L1 positive and negative tumour cells in the whole test set, and the agreement of its readers. */
export async function detectPdl1(stage: StageInput): Promise<StageOutcome> {
  return detect('pdl1', stage, (resume) => continueAsNew<typeof detectPdl1>({ ...stage, resume }));
}

function detect(
  task: CellTask,
  stage: StageInput,
  continueFrom: (cursor: StageCursor) => Promise<never>,
): Promise<StageOutcome> {
  const { folders, config } = stage.input;
  const { drawCells, aggregateCells, drawAgreement, judgeCells } = rendering(config.temporal);
  return runStage(stage, {
    plan: () => planDetection(task, stage.input),
    draw: (plan, page, failures) =>
      drawCells.executeWithOptions({ summary: `image figures, page ${page + 1} of ${plan.pages}` }, [
        { ...plan, task, folders, page, failures: [...failures] },
      ]),
    async conclude(plan) {
      await aggregateCells.executeWithOptions({ summary: 'agreement of readers' }, [{ ...plan, task, folders }]);
      await drawAgreement.executeWithOptions({ summary: 'F1 matrices' }, [{ task, folders }]);
      const { verdict, said } = await judgeCells.executeWithOptions({ summary: 'verdict' }, [
        { ...plan, task, folders, verdict: config.verdict },
      ]);
      return { verdict, said: said ?? verdict };
    },
    continueFrom,
  });
}

async function planDetection(task: CellTask, { folders, config, digest }: RunInput): Promise<StagePlan> {
  const { temporal } = config;
  const { convertDetector, planCells } = rendering(temporal);
  const converted = await convertDetector.executeWithOptions({ summary: 'checkpoint to ONNX' }, [
    { folders, task, ...ownModel(config[task]) },
  ]);
  const model = { digest: converted.digest };
  const { provider, ortVersion, engine } = await inference(temporal).probeInference.executeWithOptions(
    { summary: 'execution provider' },
    [{ task, model, inference: config.inference }],
  );
  const setup = {
    task,
    stage: { folder: `${digest}/${workflowInfo().runId}/${task}` },
    model,
    engine: { provider, ortVersion, engine },
  } as const;
  const { total, cached, pages } = await planCells.executeWithOptions({ summary: 'compare with the cache' }, [
    { ...setup, folders, pageSize: temporal.pageSize },
  ]);
  return { ...setup, total, cached, pages };
}
