import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { fileDigest } from '../toolkit/cache/step-cache.ts';
import { HE_LABELS } from '../toolkit/dataset/he-labels.ts';
import { rowsNearlyTested } from '../toolkit/dataset/he-test-rows.ts';
import { folderOf, OVERVIEW_FILE } from '../toolkit/dataset/layout.ts';
import { readOverview } from '../toolkit/dataset/overview.ts';
import { isSynthetic, verdictText } from '../toolkit/dataset/provenance.ts';
import { pairOf } from '../toolkit/dataset/read-mask-pair.ts';
import { type HeTestRoi, heTestRoisOf } from '../toolkit/dataset/test-rois.ts';
import { inside } from '../toolkit/files/inside.ts';
import { decodeGrey16 } from '../toolkit/image/decode-grey16.ts';
import { decodeLabels, paletteRemark } from '../toolkit/image/decode-labels.ts';
import { isPalettePng } from '../toolkit/image/png-size.ts';
import { ConfusionMatrix } from '../toolkit/metrics/confusion-matrix.ts';
import { roiConfusion } from '../toolkit/metrics/evaluate-he.ts';
import { readNpy } from '../toolkit/numpy/npy.ts';
import { compareMasks, MaskComparison } from '../toolkit/verdict/compare-masks.ts';
import { type IncomparableRoi, type JudgedRoi, judgeTissue } from '../toolkit/verdict/judge-tissue.ts';
import { overviewByStem } from '../toolkit/verdict/patients.ts';
import { addTissueUncertainty } from '../toolkit/verdict/tissue-uncertainty.ts';
import { ofRun } from './cache-of-run.ts';
import { withHeartbeat } from './heartbeat.ts';
import { JudgeHeInput, type JudgeOutcome } from './inputs.ts';
import type { PlanServices } from './plan-stage.ts';
import { entryOf, type Planned, recalledEntryOf } from './planned-entry.ts';
import { publishedOr } from './published-prediction.ts';
import { ConfusionFacts, MARGIN, MASK, Rows } from './roi-outputs.ts';
import { StageFiles } from './stage-files.ts';
import { judgeKey } from './step-keys.ts';
import { writeVerdict } from './write-verdict.ts';

const JudgeFacts = z.object({ comparison: MaskComparison.extend({ between: Rows }), published: Rows });

/** Says whether our masks and the published ones agree, and writes verdict/he.json. */
export function createJudgeHe(worker: PlanServices) {
  return async function judgeHe(input: JudgeHeInput): Promise<JudgeOutcome> {
    const step = JudgeHeInput.parse(input);
    const services = ofRun(worker, step.folders);
    const files = new StageFiles(services.home, step.stage);
    const { rois } = await files.readPlan();
    const failures = new Map((await files.readFailures(step.pages)).map(({ roi, code }) => [roi, code]));
    const rows = await readOverview(inside(step.folders.data, OVERVIEW_FILE));
    const listed = new Map(heTestRoisOf(rows, step.folders.data).map((roi) => [roi.roi, roi]));
    return withHeartbeat({ phase: 'judging', done: 0, of: rois.length }, async (report) => {
      const judged: JudgedRoi[] = [];
      for (const planned of rois) {
        Context.current().cancellationSignal.throwIfAborted();
        const roi = listed.get(planned.roi);
        const code = roi === undefined ? 'not in the overview' : failures.get(planned.roi);
        if (roi === undefined || code !== undefined) {
          judged.push({ roi: planned.roi, reason: `There is no prediction of ours (${code}).` });
        } else judged.push(await judgeRoi(step, roi, planned, services));
        report({ phase: 'judging', done: judged.length, of: rois.length, roi: planned.roi });
      }
      await services.digests.save();
      const matrix = await publishedMatrix(step.folders.data);
      const plain = judgeTissue(judged, matrix, step.verdict.he);
      const { verdict, evidence } = addTissueUncertainty(plain, judged, overviewByStem(rows), step.verdict);
      const warnings = [...rowsNearlyTested(rows), ...palettes(judged, step.folders.data), ...verdict.warnings];
      await writeVerdict(step, { ...verdict, warnings }, evidence);
      const said = verdictText(isSynthetic(rows) ? 'synthetic' : 'other', verdict.verdict);
      return { verdict: verdict.verdict, said, evaluation: verdict.evaluation, inference: verdict.inference.reason };
    });
  };
}

async function judgeRoi(
  { folders, verdict }: JudgeHeInput,
  { roi, annotation }: HeTestRoi,
  planned: Planned,
  services: PlanServices,
): Promise<JudgedRoi> {
  const { cache, digests } = services;
  const entry = await recalledEntryOf(cache, planned);
  const path = inside(folders.data, `${folderOf('inference', 'he')}/${roi}.png`);
  const truth = inside(folders.data, annotation);
  const ours = ConfusionMatrix.fromRows(ConfusionFacts.parse(entry.facts).confusion);
  const published = await publishedOr(roi, folders.data, () => digests.sha256(path));
  if (!('read' in published)) return { ...published, ours };
  const parts = judgeKey({
    maskSha256: fileDigest(entry, MASK),
    marginSha256: fileDigest(entry, MARGIN),
    publishedSha256: published.read,
    truthSha256: await digests.sha256(truth),
    nearMargin: verdict.he.nearMargin,
  });
  // It has no files of its own that could be damaged.
  const known = await cache.recall(cache.keyOf(parts));
  const compared = known ?? (await compare(planned, { path, truth }, services, { folders, verdict }));
  if ('reason' in compared) return { ...compared, ours };
  const { facts } = 'facts' in compared ? compared : await cache.store(parts, {}, compared);
  const judged = JudgeFacts.parse(facts);
  return { roi, comparison: judged.comparison, published: ConfusionMatrix.fromRows(judged.published), ours };
}

async function compare(
  planned: Planned,
  { path, truth }: { readonly path: string; readonly truth: string },
  { cache }: PlanServices,
  { folders, verdict: { he } }: Pick<JudgeHeInput, 'folders' | 'verdict'>,
): Promise<z.infer<typeof JudgeFacts> | IncomparableRoi> {
  const { roi } = planned;
  const entry = await entryOf(cache, planned);
  const annotation = await decodeLabels(truth);
  const ours = await decodeLabels(cache.pathOf(entry.key, MASK));
  const margins = await decodeGrey16(cache.pathOf(entry.key, MARGIN));
  const published = await publishedOr(roi, folders.data, async () => {
    return pairOf(roi, { path: truth, mask: annotation }, { path, mask: await decodeLabels(path) });
  });
  if (!('read' in published)) return published;
  const options = { nearMargin: he.nearMargin, labels: HE_LABELS.length };
  return {
    comparison: compareMasks(published.read.prediction, ours.data, margins.data, options),
    published: roiConfusion(published.read).toRows(),
  };
}

/** Says which published masks were taken by their index. */
function palettes(rois: readonly JudgedRoi[], data: string): readonly string[] {
  const paths = rois.map(({ roi }) => `${folderOf('inference', 'he')}/${roi}.png`);
  return paletteRemark(paths.filter((path) => isPalettePng(inside(data, path))));
}

/** The record's own matrix; undefined where it publishes none. */
async function publishedMatrix(data: string): Promise<ConfusionMatrix | undefined> {
  const path = inside(data, `${folderOf('figures', 'he')}/cm.npy`);
  const { shape, data: counts } = await readNpy(path).catch(() => ({ shape: [], data: [] }));
  const size = HE_LABELS.length;
  if (shape.length !== 2 || shape[0] !== size || shape[1] !== size) return undefined;
  return new ConfusionMatrix(size, Float64Array.from(counts, Number));
}
