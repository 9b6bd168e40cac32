import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { detectorFile, folderOf, readersFile } from '../toolkit/dataset/layout.js';
import { readReaderAnnotations } from '../toolkit/dataset/readers-annotations.js';
import { ReigniteError } from '../toolkit/errors.js';
import { writeFileAtomic } from '../toolkit/files/atomic-write.js';
import { inside } from '../toolkit/files/inside.js';
import { convertDetector, detectorDigest } from '../toolkit/yolov5/convert-detector.js';
import { TASK_LIMITS, TASK_SETTINGS } from '../toolkit/yolov5/task-settings.js';
import { ofRun } from './cache-of-run.js';
import { declaredFiles } from './declared-files.js';
import { withHeartbeat } from './heartbeat.js';
import { RedetectNucleiInput } from './inputs.js';
import { CANDIDATES, POINTS } from './roi-outputs.js';
import { detectKey } from './step-keys.js';
const SETTINGS = { ...TASK_SETTINGS.nuclei, ...TASK_SETTINGS.nuclei.declared };
/**
 * Detects nuclei once more, with the settings that the authors' script declares and never passes on; the points land in
 * verdict/nuclei-declared. Images that were done before come from the cache.
 */
export function createRedetectNuclei(worker) {
    return async function redetectNuclei(input) {
        const { folders, inference } = RedetectNucleiInput.parse(input);
        const services = ofRun(worker, folders);
        return withHeartbeat({ phase: 'converting', tile: SETTINGS.tile }, async (report) => {
            const signal = Context.current().cancellationSignal;
            const detector = await openDeclared(folders.data, inference, services);
            const { images } = await readReaderAnnotations(inside(folders.data, readersFile('nuclei')), 'nuclei');
            const files = declaredFiles(folders.results);
            const done = [];
            const skipped = [];
            for (const image of images) {
                signal.throwIfAborted();
                report({ phase: 'detecting', roi: image.stem, done: done.length, of: images.length });
                try {
                    const entry = await detectImage(image, { folders, inference }, detector, services);
                    if (entry.files[POINTS] === undefined)
                        await rm(files.points(image.stem), { force: true });
                    else
                        await services.cache.restore(entry.key, POINTS, files.points(image.stem));
                    done.push(image.stem);
                }
                catch (error) {
                    signal.throwIfAborted();
                    if (!(error instanceof ReigniteError) || error.retryable)
                        throw error;
                    skipped.push({ roi: image.stem, code: error.code });
                }
            }
            const { tile, confidence, iou } = SETTINGS;
            const list = { tile, confidence, iou, images: done, skipped };
            await writeFileAtomic(files.list, `${JSON.stringify(list, null, 1)}\n`);
            return { images: done.length, skipped: skipped.length };
        });
    };
}
async function openDeclared(data, { provider, engine }, { home, detector }) {
    const signal = Context.current().cancellationSignal;
    const checkpoint = inside(data, detectorFile('nuclei'));
    const digest = await detectorDigest(checkpoint, SETTINGS.tile, signal);
    const modelDir = join(home.models, digest);
    await convertDetector({ checkpoint, out: modelDir, size: SETTINGS.tile, signal });
    const found = await detector.probe({ modelDir, provider, threads: 1 }, { signal });
    return { digest, modelDir, engine: { provider: found.provider, ortVersion: found.ortVersion, engine } };
}
async function detectImage({ fileName, annotatedXyxy: [left, top, right, bottom] }, { folders, inference }, { digest, modelDir, engine }, { home, cache, digests, detector }) {
    const signal = Context.current().cancellationSignal;
    const image = inside(folders.data, `${folderOf('images', 'nuclei')}/${fileName}`);
    const imageSha256 = await digests.sha256(image, signal);
    const box = [left, top, right, bottom];
    const parts = detectKey({ task: 'nuclei', imageSha256, box, model: { digest }, engine, settings: SETTINGS });
    const known = await cache.find(cache.keyOf(parts));
    if (known !== undefined)
        return known;
    const work = join(home.work, cache.keyOf(parts));
    await mkdir(work, { recursive: true });
    const [points, candidates] = [join(work, POINTS), join(work, CANDIDATES)];
    await detector.detect({
        ...TASK_LIMITS,
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
    }, { signal });
    const entry = await cache.store(parts, existsSync(points) ? { [POINTS]: points } : {}, {});
    await rm(work, { recursive: true, force: true });
    return entry;
}
