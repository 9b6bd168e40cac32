import { continueAsNew, workflowInfo } from '@temporalio/workflow';
import type { RunInput } from '../activities/inputs.ts';
import type { StageOutcome } from '../activities/write-summary.ts';
import type { StagePlan } from './infer-chunk.ts';
import { runStage, type StageInput } from './stage.ts';
import { inference, ownModel, rendering } from './steps.ts';

/** H&E tissue segmentation of the whole test set. */
export async function segmentTissue(stage: StageInput): Promise<StageOutcome> {
  const { folders, config } = stage.input;
  const { he } = config;
  const { drawCases, aggregateHe, drawHeFigures, judgeHe } = rendering(config.temporal);
  return runStage(stage, {
    plan: () => planTissue(stage.input),
    draw: (plan, page, failures) =>
      drawCases.executeWithOptions({ summary: `case figures, page ${page + 1} of ${plan.pages}` }, [
        { ...plan, folders, he, page, failures: [...failures] },
      ]),
    async conclude(plan) {
      await aggregateHe.executeWithOptions({ summary: 'confusion and Dice' }, [{ ...plan, folders, he }]);
      await drawHeFigures.executeWithOptions({ summary: 'confusion matrices and bars' }, [{ folders }]);
      const { verdict, said } = await judgeHe.executeWithOptions({ summary: 'verdict' }, [
        { ...plan, folders, verdict: config.verdict },
      ]);
      return { verdict, said: said ?? verdict };
    },
    continueFrom: (resume) => continueAsNew<typeof segmentTissue>({ ...stage, resume }),
  });
}

async function planTissue({ folders, config, digest }: RunInput): Promise<StagePlan> {
  const { he, temporal } = config;
  const { convertModel, planHe } = rendering(temporal);
  const converted = await convertModel.executeWithOptions({ summary: 'checkpoints to ONNX' }, [
    { folders, ...ownModel(he), ...(he.folds !== undefined && { folds: he.folds }) },
  ]);
  const model = { digest: converted.digest };
  const { provider, ortVersion, engine } = await inference(temporal).probeInference.executeWithOptions(
    { summary: 'execution provider' },
    [{ task: 'he', model, inference: config.inference }],
  );
  const setup = {
    task: 'he',
    stage: { folder: `${digest}/${workflowInfo().runId}/he` },
    model,
    engine: { provider, ortVersion, engine },
  } as const;
  const { total, cached, pages } = await planHe.executeWithOptions({ summary: 'compare with the cache' }, [
    { ...setup, folders, he, pageSize: temporal.pageSize },
  ]);
  return { ...setup, total, cached, pages };
}
