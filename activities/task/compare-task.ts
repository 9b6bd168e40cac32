import { overviewFileIn } from '../../toolkit/dataset/find-files.ts';
import { readOverview } from '../../toolkit/dataset/overview.ts';
import { isSynthetic, verdictText } from '../../toolkit/dataset/provenance.ts';
import { writeFileAtomic } from '../../toolkit/files/atomic-write.ts';
import { writeNpy } from '../../toolkit/numpy/npy.ts';
import { RESULTS } from '../../toolkit/results/results-folder.ts';
import { headlineScores } from '../../toolkit/tasks/headline-scores.ts';
import type { Comparison } from '../../toolkit/tasks/kind.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { VerdictEngine } from '../../toolkit/verdict/verdict-file.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { type CompareOutcome, CompareTaskInput } from '../inputs.ts';
import { TaskFiles } from './task-files.ts';
import { type WorkerServices, workOf } from './work-of.ts';

/** Compares the reproduced predictions with the published ones, and writes verdict/<task>.json. */
export function createCompareTask(services: WorkerServices) {
  return async function compareTask(input: CompareTaskInput): Promise<CompareOutcome> {
    const step = CompareTaskInput.parse(input);
    const { task, folders, stage, batches } = step;
    const files = new TaskFiles(services.home, stage);
    const failures = new Map<string, string>((await files.readFailures(batches)).map(({ roi, code }) => [roi, code]));
    const rois = (await files.readPlan()).rois.map((planned) => ({ planned, failure: failures.get(planned.roi) }));
    await services.storage?.stages.takeResults(stage.folder, folders.results);
    const overview = await readOverview(await overviewFileIn(folders.data));
    return withHeartbeat({ phase: 'comparing', done: 0, of: rois.length }, async (report) => {
      const work = workOf(services, folders, report);
      const compared = await taskNamed(task).compareWithPublished({
        rois,
        overview,
        verdict: step.verdict,
        settings: step.settings,
        work,
      });
      await services.digests.save();
      await writeVerdict(step, compared);
      const { verdict, evaluation, inference } = compared.verdict;
      const said = verdictText(isSynthetic(overview) ? 'synthetic' : 'other', verdict);
      const undecided = compared.isUndecided === true ? { undecided: true } : {};
      const scores = headlineScores(task, compared.verdict);
      return { verdict, said, scores, evaluation, inference: inference.reason, ...undecided };
    });
  };
}

/** Writes the verdict last, after the resamples and counts that its intervals are computed from. */
async function writeVerdict(
  { task, folders: { results }, model, engine }: CompareTaskInput,
  { verdict, evidence: { draws, counts } }: Comparison,
): Promise<void> {
  const ranOn = VerdictEngine.parse({ model: model.digest, ...engine, precision: engine.precision ?? 'float32' });
  const patients = counts.patients.length;
  const shape = [patients === 0 ? 0 : draws.length / patients, patients];
  await writeNpy(RESULTS.resamples.in(results, task), { dtype: 'uint16', shape, data: draws });
  await writeFileAtomic(RESULTS.patients.in(results, task), `${JSON.stringify(counts)}\n`);
  await RESULTS.verdict.write(results, { ...verdict, engine: ranOn }, task);
}
