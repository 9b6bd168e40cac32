import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { FileDigests } from '../toolkit/cache/file-digests.ts';
import type { CacheEntry, KeyParts } from '../toolkit/cache/step-cache.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { inside } from '../toolkit/files/inside.ts';
import { imageSize } from '../toolkit/image/open-image.ts';
import type { RoiSegmenter } from '../toolkit/nnunet/roi-segmenter.ts';
import { refuseOtherEngine } from '../toolkit/onnx/refuse-other-engine.ts';
import { countingDeaths } from './attempt-log.ts';
import { ofRun } from './cache-of-run.ts';
import { countingTiles } from './count-progress.ts';
import { withHeartbeat } from './heartbeat.ts';
import { type InferServices, type Report, type RoiOutcome, recordInference } from './infer-roi.ts';
import { SegmentRoiInput } from './inputs.ts';
import { MARGIN, MASK, restoreSegmentation, SegmentFacts } from './roi-outputs.ts';
import { scoreRoi } from './score-roi.ts';
import { segmentKey } from './step-keys.ts';

export interface SegmentServices extends InferServices {
  readonly segmenter: RoiSegmenter;
}

/**
 * Segments one ROI and scores it against its truth; mask and margins land in the results folder.
 *
 * Safe to kill anywhere: finished tile rows, then the cache entry are what the next attempt goes on from.
 */
export function createSegmentRoi(worker: SegmentServices) {
  return async function segmentRoi(input: SegmentRoiInput): Promise<RoiOutcome> {
    const task = SegmentRoiInput.parse(input);
    const { roi, folders } = task;
    const services = ofRun(worker, folders);
    return withHeartbeat({ roi, phase: 'reading' }, async (beat) => {
      const report: Report = countingTiles((progress) => beat({ roi, ...progress }));
      const parts = await keyOf(task, services.digests);
      const key = services.cache.keyOf(parts);
      const known = await services.cache.find(key);
      const done = known ?? (await computeRoi(task, parts, services, report));
      await restoreSegmentation(services.cache, done, folders.results, roi);
      if (known !== undefined) return { roi, key, cached: true, seconds: 0, tiles: 0 };
      await recordInference(folders.results, task.engine);
      await rm(join(services.home.work, key), { recursive: true, force: true });
      const { seconds, tiles } = SegmentFacts.parse(done.facts);
      return { roi, key, cached: false, seconds, tiles };
    });
  };
}

async function keyOf({ image, truth, folders, model, engine, he }: SegmentRoiInput, digests: FileDigests) {
  const signal = Context.current().cancellationSignal;
  return segmentKey({
    imageSha256: await digests.sha256(inside(folders.data, image), signal),
    truthSha256: await digests.sha256(inside(folders.data, truth), signal),
    model,
    engine,
    scope: he.scope,
  });
}

async function computeRoi(
  { roi, folders, model, engine, he, inference, image, truth }: SegmentRoiInput,
  parts: KeyParts,
  { home, cache, segmenter }: SegmentServices,
  report: Report,
): Promise<CacheEntry> {
  const { cancellationSignal: signal, log } = Context.current();
  const files = { image: inside(folders.data, image), truth: inside(folders.data, truth) };
  await refuseOtherSize(roi, files);
  const work = join(home.work, cache.keyOf(parts));
  await mkdir(work, { recursive: true });
  const outputs = { mask: join(work, MASK), margin: join(work, MARGIN) };
  const job = {
    ...outputs,
    ...files,
    imageSha256: String(parts['image']),
    modelDir: join(home.models, model.digest),
    partialDir: join(work, 'partial'),
    scope: he.scope,
    provider: inference.provider,
    ...(inference.threads === 0 ? {} : { threads: inference.threads }),
  };
  const result = await countingDeaths({ work, roi, signal }, () => {
    log.info('inference begins');
    return segmenter.segment(job, { signal, onProgress: report });
  });
  refuseOtherEngine(result, engine);
  report({ phase: 'scoring' });
  const facts = await scoreRoi(roi, { truth: files.truth, mask: outputs.mask }, result);
  const stored = await cache.store(parts, { [MASK]: outputs.mask, [MARGIN]: outputs.margin }, facts);
  log.info('inference is in the cache', { key: stored.key, tiles: facts.tiles, seconds: facts.seconds });
  return stored;
}

/** Told from the files' headers, before an hour of work. */
async function refuseOtherSize(roi: string, { image, truth }: { image: string; truth: string }): Promise<void> {
  const [ours, theirs] = [await imageSize(image), await imageSize(truth)];
  if (ours.width === theirs.width && ours.height === theirs.height) return;
  throw new ReigniteError(
    'SIZE_MISMATCH',
    `ROI ${roi}: the image ${image} has ${ours.width} x ${ours.height} px, ` +
      `its annotation ${truth} ${theirs.width} x ${theirs.height} px.`,
  );
}
