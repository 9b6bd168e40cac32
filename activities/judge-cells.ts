import { Context } from '@temporalio/activity';
import type { CacheEntry } from '../toolkit/cache/step-cache.ts';
import type { CellPoint } from '../toolkit/dataset/cell-point.ts';
import { folderOf, OVERVIEW_FILE, readersFile } from '../toolkit/dataset/layout.ts';
import { readOverview } from '../toolkit/dataset/overview.ts';
import { isSynthetic, verdictText } from '../toolkit/dataset/provenance.ts';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { inside } from '../toolkit/files/inside.ts';
import { readPoints } from '../toolkit/metrics/points-file.ts';
import { addCellsUncertainty } from '../toolkit/verdict/cells-uncertainty.ts';
import { comparePoints } from '../toolkit/verdict/compare-points.ts';
import { type JudgedImage, judgeCells as judge } from '../toolkit/verdict/judge-cells.ts';
import { overviewByStem } from '../toolkit/verdict/patients.ts';
import { scoredImage } from '../toolkit/verdict/scored-image.ts';
import { readCandidatesFile } from '../toolkit/yolov5/candidates-file.ts';
import { pointsOf } from './draw-cells.ts';
import { withHeartbeat } from './heartbeat.ts';
import { JudgeCellsInput, type JudgeOutcome } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';
import { entryOf } from './planned-entry.ts';
import { publishedOr } from './published-prediction.ts';
import { CANDIDATES } from './roi-outputs.ts';
import { StageFiles } from './stage-files.ts';
import { writeVerdict } from './write-verdict.ts';

/** Says whether our points and the published ones agree, and writes verdict/<task>.json. */
export function createJudgeCells(services: PlanServices) {
  return async function judgeCells(input: JudgeCellsInput): Promise<JudgeOutcome> {
    const step = JudgeCellsInput.parse(input);
    const { task, folders } = step;
    const files = new StageFiles(services.home, step.stage);
    const { rois } = await files.readPlan();
    const failures = new Map((await files.readFailures(step.pages)).map(({ roi, code }) => [roi, code]));
    return withHeartbeat({ phase: 'judging', of: rois.length }, async () => {
      const images: JudgedImage[] = [];
      for (const planned of rois) {
        Context.current().cancellationSignal.throwIfAborted();
        const code = failures.get(planned.roi);
        if (code !== undefined) images.push({ roi: planned.roi, reason: `There is no prediction of ours (${code}).` });
        else images.push(await judgeImage(step, planned.roi, await entryOf(services.cache, planned), services));
      }
      const annotations = await readReaderAnnotations(inside(folders.data, readersFile(task)), task);
      const rows = await readOverview(inside(folders.data, OVERVIEW_FILE));
      const overview = overviewByStem(rows);
      const judged = { images, annotations, overview, config: step.verdict };
      const { verdict, evidence } = addCellsUncertainty(judge({ task, ...judged }), judged);
      await writeVerdict(step, verdict, evidence);
      const said = verdictText(isSynthetic(rows) ? 'synthetic' : 'other', verdict.verdict);
      return { verdict: verdict.verdict, said, evaluation: verdict.evaluation, inference: verdict.inference.reason };
    });
  };
}

async function judgeImage(
  { task, folders, verdict }: JudgeCellsInput,
  roi: string,
  entry: CacheEntry,
  services: PlanServices,
): Promise<JudgedImage> {
  const ours = await pointsOf(services, entry, task);
  const candidates = await readCandidatesFile(services.cache.pathOf(entry.key, CANDIDATES));
  const image = scoredImage(roi, ours, candidates);
  const path = inside(folders.data, `${folderOf('inference', task)}/${roi}.npy`);
  const published = await publishedOr(roi, folders.data, () => publishedPoints(path, task, ours.length));
  if (!('read' in published)) return published;
  return { roi, comparison: comparePoints(image, published.read, verdict.cells), published: published.read, ours };
}

/** The authors write no file for an image without a point: where ours has none either, that is agreement. */
async function publishedPoints(
  path: string,
  task: JudgeCellsInput['task'],
  ours: number,
): Promise<readonly CellPoint[]> {
  try {
    return await readPoints(path, task);
  } catch (error) {
    if (ours === 0 && error instanceof ReigniteError && error.code === 'FILE_MISSING') return [];
    throw error;
  }
}
