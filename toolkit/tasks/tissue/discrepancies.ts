import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { TissueTask } from '../../../config/tasks.ts';
import { makeInference } from '../../cache/make.ts';
import type { CacheEntry, StepCache } from '../../cache/step-cache.ts';
import { labelMapFileIn } from '../../dataset/layout.ts';
import { readLabelMap } from '../../dataset/tissue-labels.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { inside } from '../../files/folders.ts';
import { decodeLabels } from '../../image/decode-labels.ts';
import { ConfusionMatrix } from '../../metrics/confusion-matrix.ts';
import { sumOfConfusions } from '../../metrics/he-metrics.ts';
import { knownModelCard } from '../../nnunet/model-card.ts';
import type { RoiSegmenter } from '../../nnunet/sliding-window/roi-segmenter.ts';
import { refuseOtherEngine } from '../../onnx/session/engine-choice.ts';
import { RESULTS } from '../../results/results-folder.ts';
import type { DiscrepancyEntry } from '../../verdict/discrepancies/discrepancies-file.ts';
import {
  backgroundEntry,
  labelNameEntry,
  type RoundedAgain,
  roundedRois,
  roundingEntry,
  strayEntry,
  type TissueRoi,
  unannotatedEntry,
} from '../../verdict/discrepancies/tissue-entries.ts';
import {
  type DiscrepancyTask,
  engineOf,
  entryOf,
  type Measured,
  type MeasureInput,
  type PlannedRoi,
  recalledEntryOf,
  type TaskWork,
} from '../work.ts';
import { confusionOf, MASK, SegmentFacts, segmentKey } from './tissue.ts';
import { segmentAndScore } from './work.ts';

const ROUNDING = 'half-up';

const Facts = SegmentFacts.pick({ confusion: true, width: true, height: true });

/** Returns the segmented ROIs, and the patch size of the network. */
export async function tissueRois(
  rois: readonly PlannedRoi[],
  { home, cache }: Pick<TaskWork, 'home' | 'cache'>,
): Promise<{ readonly rois: readonly TissueRoi[]; readonly patch: readonly [number, number] | undefined }> {
  const segmented: TissueRoi[] = [];
  let model = '';
  for (const planned of rois) {
    const { facts, parts } = await recalledEntryOf(cache, planned);
    const { width, height, confusion } = Facts.parse(facts);
    segmented.push({ roi: planned.roi, width, height, confusion: ConfusionMatrix.fromRows(confusion) });
    model = String(parts['model']);
  }
  const card = await knownModelCard(join(home.models, model));
  return { rois: segmented, patch: card?.patch };
}

/** `verdict/window-rounding.json`: the ROIs segmented again with tiles rounded half up. */
const RoundedFile = z.array(
  z.object({
    roi: z.string(),
    pixels: z.int(),
    differing: z.int(),
    confusion: z.array(z.array(z.int())).describe('17 x 17, truth and the mask made again'),
  }),
);
type RoundedFile = z.infer<typeof RoundedFile>;

/** Sums what the other rounding changes over all ROIs. */
export async function roundedAgain(results: string, rois: readonly TissueRoi[]): Promise<RoundedAgain> {
  const again = RoundedFile.parse(JSON.parse(await readFile(RESULTS.rounding.in(results), 'utf8')));
  const remade = new Map(again.map(({ roi, confusion }) => [roi, ConfusionMatrix.fromRows(confusion)]));
  return {
    pixels: again.reduce((sum, { pixels }) => sum + pixels, 0),
    differing: again.reduce((sum, { differing }) => sum + differing, 0),
    total: sumOfConfusions(rois.map(({ roi, confusion }) => remade.get(roi) ?? confusion)),
  };
}

/**
 * Segments those ROIs again whose tiles would move with half-up rounding in the sliding window, and writes the changes
 * to verdict/window-rounding.json. Finished ROIs come from the cache.
 */
export async function measureRounding(input: MeasureInput, segmenter: RoiSegmenter): Promise<Measured> {
  const { work, rois } = input;
  const { rois: segmented, patch } = await tissueRois(rois, work);
  const affected = new Set(patch === undefined ? [] : roundedRois(segmented, patch));
  const again: RoundedFile = [];
  for (const planned of rois.filter(({ roi }) => affected.has(roi))) {
    const entry = await entryOf(work.cache, planned);
    const remade = await segmentAgain(planned, entry, input, segmenter, (progress) =>
      work.report({ roi: planned.roi, done: again.length, total: affected.size, ...progress }),
    );
    again.push(await compareMasksOf(planned.roi, entry, remade, work.cache));
  }
  await writeFileAtomic(RESULTS.rounding.in(work.results), `${JSON.stringify(again)}\n`);
  return { kind: 'measured', rois: again.length };
}

async function segmentAgain(
  { roi, image, truth }: PlannedRoi,
  entry: CacheEntry,
  { work, settings, session }: MeasureInput,
  segmenter: RoiSegmenter,
  report: (progress: object) => void,
): Promise<CacheEntry> {
  const { home, digests, data, signal, need } = work;
  await need?.([image, truth]);
  const files = { image: inside(data, image), truth: inside(data, truth) };
  const model = { digest: String(entry.parts['model']) };
  const modelDir = join(home.models, model.digest);
  const probed = await segmenter.probe({ modelDir, ...session }, { signal });
  const engine = { ...probed, engine: probed.engine ?? 'exact' };
  // The two masks are compared, and only the rounding may cause differences.
  refuseOtherEngine(probed, engineOf(entry));
  const sources = {
    image: await digests.sha256(files.image, signal),
    truth: await digests.sha256(files.truth, signal),
  };
  const parts = { ...segmentKey(sources, { model, engine, settings }), rounding: ROUNDING };
  const made = await makeInference(work, parts, { engine, crashes: { name: roi, signal } }, (folder) => {
    const job = { ...files, roi, imageSha256: sources.image, modelDir, session, settings, folder, signal, report };
    return segmentAndScore(job, segmenter, { rounding: ROUNDING });
  });
  return made.entry;
}

async function compareMasksOf(
  roi: string,
  entry: CacheEntry,
  remade: CacheEntry,
  cache: StepCache,
): Promise<RoundedFile[number]> {
  const ours = await decodeLabels(cache.pathOf(entry.key, MASK));
  const again = await decodeLabels(cache.pathOf(remade.key, MASK));
  let differing = 0;
  for (const [at, label] of ours.data.entries()) if (label !== again.data[at]) differing++;
  return { roi, pixels: ours.data.length, differing, confusion: confusionOf(remade).toRows() };
}

/** Measures where the authors' code for tissue does something unexpected. */
export async function tissueDiscrepancies(
  { rois: planned, scope, measured }: DiscrepancyTask<TissueTask>,
  work: TaskWork,
): Promise<DiscrepancyEntry[]> {
  const { rois, patch } = await tissueRois(planned, work);
  const total = sumOfConfusions(rois.map(({ confusion }) => confusion));
  const map = await readLabelMap(await labelMapFileIn(work.data)).catch(() => undefined);
  const again = measured.kind === 'measured' ? await roundedAgain(work.results, rois) : undefined;
  return [
    backgroundEntry(total),
    unannotatedEntry(total),
    strayEntry(rois, scope),
    labelNameEntry(map),
    roundingEntry(rois, patch, again),
  ];
}
