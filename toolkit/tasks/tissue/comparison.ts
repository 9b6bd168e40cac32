import { z } from 'zod';
import type { TissueTask } from '../../../config/tasks.ts';
import { makeFacts } from '../../cache/make.ts';
import { folderOf, publishedMaskIn } from '../../dataset/layout.ts';
import { overviewByStem } from '../../dataset/overview.ts';
import { rowsNearlyTested } from '../../dataset/test-rois.ts';
import { HE_LABELS } from '../../dataset/tissue-labels.ts';
import { inside } from '../../files/folders.ts';
import { decodeLabels, pairOf, paletteRemark } from '../../image/decode-labels.ts';
import { decodeGrey16 } from '../../image/decode-pixels.ts';
import { isPalettePng } from '../../image/png-header.ts';
import { ConfusionMatrix } from '../../metrics/confusion-matrix.ts';
import { roiConfusion } from '../../metrics/he-metrics.ts';
import { readNpy } from '../../numpy.ts';
import { compareMasks, MaskComparison } from '../../verdict/compare-roi.ts';
import { type JudgedRoi, judgeTissue } from '../../verdict/judge-tissue.ts';
import { addTissueUncertainty } from '../../verdict/tissue-uncertainty.ts';
import {
  type Comparison,
  type ComparisonInput,
  entryOf,
  type PlannedRoi,
  publishedOr,
  type RoiToCompare,
  Rows,
  recalledEntryOf,
} from '../work.ts';
import { CONFIDENCE, comparisonKey, confusionOf, MASK } from './tissue.ts';

const ComparedFacts = z.object({ comparison: MaskComparison.extend({ between: Rows }), published: Rows });
type ComparedFacts = z.infer<typeof ComparedFacts>;

/**
 * Compares our masks with the published ones, and the published matrix with the one computed here from the published
 * masks.
 */
export async function compareTissue(task: TissueTask, input: ComparisonInput): Promise<Comparison> {
  const { rois, overview, verdict: config, work } = input;
  const compared: JudgedRoi[] = [];
  for (const roi of rois) {
    work.signal.throwIfAborted();
    compared.push(await compareRoi(task, roi, input));
    work.report({ phase: 'comparing', done: compared.length, of: rois.length, roi: roi.planned.roi });
  }
  const matrix = await publishedMatrix(task, work.data);
  const plain = judgeTissue(task, compared, matrix, config.he);
  const { verdict, evidence } = addTissueUncertainty(plain, compared, overviewByStem(overview), config);
  const warnings = [...rowsNearlyTested(overview), ...palettes(task, compared, work.data), ...verdict.warnings];
  return { verdict: { ...verdict, warnings }, evidence };
}

/** Notes which published masks are palette PNGs, whose indices were used as labels. */
function palettes(task: TissueTask, rois: readonly JudgedRoi[], data: string): readonly string[] {
  const paths = rois.map(({ roi }) => publishedMaskIn(data, task, roi));
  return paletteRemark(paths.filter((path) => isPalettePng(inside(data, path))));
}

async function compareRoi(
  task: TissueTask,
  { planned, failure }: RoiToCompare,
  input: ComparisonInput,
): Promise<JudgedRoi> {
  const { roi, truth } = planned;
  const { work, verdict } = input;
  if (failure !== undefined)
    return { kind: 'not compared', roi, reason: `This run has no prediction of it (${failure}).` };
  const entry = await recalledEntryOf(work.cache, planned);
  const ours = confusionOf(entry);
  const path = inside(work.data, publishedMaskIn(work.data, task, roi));
  const published = await publishedOr(work.data, () => work.digests.sha256(path));
  if (published.kind === 'unreadable') return { kind: 'not compared', roi, reason: published.reason, ours };
  const lowConfidenceUpTo = verdict.he.tolerance.maxConfidence;
  const truthSha256 = await work.digests.sha256(inside(work.data, truth));
  const parts = comparisonKey(entry, { published: published.read, truth: truthSha256 }, lowConfidenceUpTo);
  let reason = '';
  const facts = await makeFacts(work, parts, async () => {
    const made = await compareFiles(planned, path, lowConfidenceUpTo, input);
    if (made.kind === 'read') return made.read;
    reason = made.reason;
    return undefined;
  });
  if (facts === undefined) return { kind: 'not compared', roi, reason, ours };
  const known = ComparedFacts.parse(facts);
  return {
    kind: 'compared',
    roi,
    comparison: known.comparison,
    published: ConfusionMatrix.fromRows(known.published),
    ours,
  };
}

async function compareFiles(planned: PlannedRoi, path: string, lowConfidenceUpTo: number, { work }: ComparisonInput) {
  const { roi } = planned;
  const truth = inside(work.data, planned.truth);
  const entry = await entryOf(work.cache, planned);
  const annotation = await decodeLabels(truth);
  const ours = await decodeLabels(work.cache.pathOf(entry.key, MASK));
  const confidences = await decodeGrey16(work.cache.pathOf(entry.key, CONFIDENCE));
  return publishedOr(work.data, async (): Promise<ComparedFacts> => {
    const pair = pairOf(roi, { path: truth, mask: annotation }, { path, mask: await decodeLabels(path) });
    const options = { lowConfidenceUpTo, labels: HE_LABELS.length };
    return {
      comparison: compareMasks(pair.prediction, ours.data, confidences.data, options),
      published: roiConfusion(pair).toRows(),
    };
  });
}

/** Reads the record's matrix; undefined if it has none. */
async function publishedMatrix(task: TissueTask, data: string): Promise<ConfusionMatrix | undefined> {
  const path = inside(data, `${folderOf('figures', task)}/cm.npy`);
  const { shape, data: counts } = await readNpy(path).catch(() => ({ shape: [], data: [] }));
  const size = HE_LABELS.length;
  if (shape.length !== 2 || shape[0] !== size || shape[1] !== size) return undefined;
  return new ConfusionMatrix(size, Float64Array.from(counts, Number));
}
