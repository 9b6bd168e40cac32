import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { CacheEntry } from '../toolkit/cache/step-cache.ts';
import { type HeTestRoi, listHeTestRois } from '../toolkit/dataset/test-rois.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { inside } from '../toolkit/files/inside.ts';
import { decodeLabels } from '../toolkit/image/decode-labels.ts';
import { refuseOtherEngine } from '../toolkit/onnx/refuse-other-engine.ts';
import { roundedRois } from '../toolkit/verdict/ledger/tissue-entries.ts';
import { ofRun } from './cache-of-run.ts';
import { withHeartbeat } from './heartbeat.ts';
import { ResegmentRoundedInput } from './inputs.ts';
import { type RoundedFile, roundedFile, tissueRois } from './ledger-tissue.ts';
import { entryOf } from './planned-entry.ts';
import { ConfusionFacts, MARGIN, MASK } from './roi-outputs.ts';
import { scoreRoi } from './score-roi.ts';
import type { SegmentServices } from './segment-roi.ts';
import { StageFiles } from './stage-files.ts';
import { engineOf, segmentKey } from './step-keys.ts';

const ROUNDING = 'half-up';

/**
 * Segments the ROIs once more whose tiles another rounding of the sliding window moves, and writes what changes to
 * verdict/window-rounding.json. Made for `ledger.full`; ROIs that were done before come from the cache.
 */
export function createResegmentRounded(worker: SegmentServices) {
  return async function resegmentRounded(input: ResegmentRoundedInput): Promise<{ rois: number }> {
    const step = ResegmentRoundedInput.parse(input);
    const services = ofRun(worker, step.folders);
    return withHeartbeat({ phase: 'looking' }, async (report) => {
      const { rois, patch } = await tissueRois(step, services);
      const affected = new Set(patch === undefined ? [] : roundedRois(rois, patch));
      const { rois: planned } = await new StageFiles(services.home, step.stage).readPlan();
      const listed = new Map((await listHeTestRois(step.folders.data)).map((each) => [each.roi, each]));
      const again: RoundedFile = [];
      for (const each of planned.filter(({ roi }) => affected.has(roi))) {
        const roi = listed.get(each.roi);
        if (roi === undefined) continue;
        const entry = await entryOf(services.cache, each);
        const remade = await resegment(step, roi, entry, services, (progress) =>
          report({ roi: each.roi, done: again.length, total: affected.size, ...progress }),
        );
        again.push(await compare(each.roi, entry, remade, services));
      }
      await writeFileAtomic(roundedFile(step.folders.results), `${JSON.stringify(again)}\n`);
      return { rois: again.length };
    });
  };
}

async function resegment(
  { folders, he, inference }: ResegmentRoundedInput,
  { roi, image, annotation }: HeTestRoi,
  entry: CacheEntry,
  { home, cache, digests, segmenter }: SegmentServices,
  onProgress: (progress: object) => void,
): Promise<CacheEntry> {
  const signal = Context.current().cancellationSignal;
  const files = { image: inside(folders.data, image), truth: inside(folders.data, annotation) };
  const model = { digest: String(entry.parts['model']) };
  const { provider } = inference;
  const settings = { provider, ...(inference.threads === 0 ? {} : { threads: inference.threads }) };
  const modelDir = join(home.models, model.digest);
  const engine = { ...(await segmenter.probe({ modelDir, ...settings }, { signal })), engine: inference.engine };
  // The two masks are compared: whatever differs must come from the rounding alone.
  refuseOtherEngine(engine, engineOf(entry));
  const imageSha256 = await digests.sha256(files.image, signal);
  const truthSha256 = await digests.sha256(files.truth, signal);
  const parts = { ...segmentKey({ imageSha256, truthSha256, model, engine, scope: he.scope }), rounding: ROUNDING };
  const known = await cache.find(cache.keyOf(parts));
  if (known !== undefined) return known;
  const work = join(home.work, cache.keyOf(parts));
  await mkdir(work, { recursive: true });
  const [mask, margin] = [join(work, MASK), join(work, MARGIN)];
  const result = await segmenter.segment(
    {
      ...files,
      mask,
      margin,
      imageSha256,
      modelDir,
      ...settings,
      partialDir: join(work, 'partial'),
      scope: he.scope,
      rounding: ROUNDING,
    },
    { signal, onProgress },
  );
  refuseOtherEngine(result, engine);
  const stored = await cache.store(parts, { [MASK]: mask }, await scoreRoi(roi, { truth: files.truth, mask }, result));
  await rm(work, { recursive: true, force: true });
  return stored;
}

async function compare(
  roi: string,
  entry: CacheEntry,
  remade: CacheEntry,
  { cache }: SegmentServices,
): Promise<RoundedFile[number]> {
  const [ours, again] = [
    await decodeLabels(cache.pathOf(entry.key, MASK)),
    await decodeLabels(cache.pathOf(remade.key, MASK)),
  ];
  let differing = 0;
  for (const [at, label] of ours.data.entries()) if (label !== again.data[at]) differing++;
  const { confusion } = ConfusionFacts.parse(remade.facts);
  return { roi, pixels: ours.data.length, differing, confusion };
}
