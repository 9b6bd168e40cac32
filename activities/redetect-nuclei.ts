import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { CacheEntry } from '../toolkit/cache/step-cache.ts';
import { detectorFile, folderOf, readersFile } from '../toolkit/dataset/layout.ts';
import { type AnnotatedImage, readReaderAnnotations } from '../toolkit/dataset/readers-annotations.ts';
import { ReigniteError } from '../toolkit/errors.ts';
import { writeFileAtomic } from '../toolkit/files/atomic-write.ts';
import { inside } from '../toolkit/files/inside.ts';
import { refuseOtherEngine } from '../toolkit/onnx/refuse-other-engine.ts';
import { NUCLEI } from '../toolkit/tasks/nuclei.ts';
import { convertDetector, detectorDigest } from '../toolkit/yolov5/convert-detector.ts';
import { SCRIPT_LIMITS } from '../toolkit/yolov5/nms.ts';
import { ofRun } from './cache-of-run.ts';
import type { DeclaredFile } from './declared-files.ts';
import { declaredFiles } from './declared-files.ts';
import type { DetectServices } from './detect-cells.ts';
import { withHeartbeat } from './heartbeat.ts';
import { type EngineRef, RedetectNucleiInput } from './inputs.ts';
import { CANDIDATES, POINTS } from './roi-outputs.ts';
import { detectKey } from './step-keys.ts';

const SETTINGS = NUCLEI.declared.settings;

interface Detector {
  readonly digest: string;
  readonly modelDir: string;
  readonly engine: EngineRef;
}

/**
 * Detects nuclei once more, with the settings that the authors' script declares and never passes on; the points land in
 * verdict/nuclei-declared. Images that were done before come from the cache.
 */
export function createRedetectNuclei(worker: DetectServices) {
  return async function redetectNuclei(input: RedetectNucleiInput): Promise<{ images: number; skipped: number }> {
    const { folders, inference } = RedetectNucleiInput.parse(input);
    const services = ofRun(worker, folders);
    return withHeartbeat({ phase: 'converting', tile: SETTINGS.tile }, async (report) => {
      const signal = Context.current().cancellationSignal;
      const detector = await openDeclared(folders.data, inference, services);
      const { images } = await readReaderAnnotations(inside(folders.data, readersFile('nuclei')), 'nuclei');
      const files = declaredFiles(folders.results);
      const done: string[] = [];
      const skipped: DeclaredFile['skipped'] = [];
      for (const image of images) {
        signal.throwIfAborted();
        report({ phase: 'detecting', roi: image.stem, done: done.length, of: images.length });
        try {
          const entry = await detectImage(image, { folders, inference }, detector, services);
          if (entry.files[POINTS] === undefined) await rm(files.points(image.stem), { force: true });
          else await services.cache.restore(entry.key, POINTS, files.points(image.stem));
          done.push(image.stem);
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof ReigniteError) || error.retryable || error.code === 'PROVIDER_UNAVAILABLE')
            throw error;
          skipped.push({ roi: image.stem, code: error.code });
        }
      }
      const { tile, confidence, iou } = SETTINGS;
      const list: DeclaredFile = { tile, confidence, iou, images: done, skipped };
      await writeFileAtomic(files.list, `${JSON.stringify(list, null, 1)}\n`);
      return { images: done.length, skipped: skipped.length };
    });
  };
}

async function openDeclared(
  data: string,
  { provider, engine }: RedetectNucleiInput['inference'],
  { home, detector }: DetectServices,
): Promise<Detector> {
  const signal = Context.current().cancellationSignal;
  const checkpoint = inside(data, detectorFile('nuclei'));
  const digest = await detectorDigest(checkpoint, SETTINGS.tile, signal);
  const modelDir = join(home.models, digest);
  await convertDetector({ checkpoint, out: modelDir, size: SETTINGS.tile, signal });
  const found = await detector.probe({ modelDir, provider, threads: 1 }, { signal });
  return { digest, modelDir, engine: { provider: found.provider, ortVersion: found.ortVersion, engine } };
}

async function detectImage(
  { fileName, annotatedXyxy: [left, top, right, bottom] }: AnnotatedImage,
  { folders, inference }: Pick<RedetectNucleiInput, 'folders' | 'inference'>,
  { digest, modelDir, engine }: Detector,
  { home, cache, digests, detector }: DetectServices,
): Promise<CacheEntry> {
  const signal = Context.current().cancellationSignal;
  const image = inside(folders.data, `${folderOf('images', 'nuclei')}/${fileName}`);
  const imageSha256 = await digests.sha256(image, signal);
  const box: [number, number, number, number] = [left, top, right, bottom];
  const parts = detectKey({ task: 'nuclei', imageSha256, box, model: { digest }, engine, settings: SETTINGS });
  const known = await cache.find(cache.keyOf(parts));
  if (known !== undefined) return known;
  const work = join(home.work, cache.keyOf(parts));
  await mkdir(work, { recursive: true });
  const [points, candidates] = [join(work, POINTS), join(work, CANDIDATES)];
  const ran = await detector.detect(
    {
      ...SCRIPT_LIMITS,
      confidence: SETTINGS.confidence,
      iou: SETTINGS.iou,
      points,
      candidates,
      image,
      imageSha256,
      modelDir,
      partialDir: join(work, 'partial'),
      provider: inference.provider,
      box,
      ...(inference.threads === 0 ? {} : { threads: inference.threads }),
    },
    { signal },
  );
  refuseOtherEngine(ran, engine);
  const entry = await cache.store(parts, existsSync(points) ? { [POINTS]: points } : {}, {});
  await rm(work, { recursive: true, force: true });
  return entry;
}
