import { sha256OfFile } from '../files/hash-file.js';
import { serveRequests } from '../onnx/serve-requests.js';
import { detectImage, recordedScore } from './detect-image.js';
import { openDetector } from './own-detector.js';
/** Raised whenever the candidates of a tile or the files that hold them change. */
const PARTIAL_SCHEMA = '1';
let loaded;
/** Keeps the detector of the last job: a run goes through hundreds of images with one model. */
async function detectorOf({ modelDir, provider, threads }) {
    const key = JSON.stringify([modelDir, provider, threads]);
    if (loaded?.key === key)
        return loaded.detector;
    await release();
    const detector = await openDetector(modelDir, {
        ...(provider !== undefined && { provider }),
        ...(threads !== undefined && { threads }),
    });
    loaded = { key, detector };
    return detector;
}
async function release() {
    await loaded?.detector.release();
    loaded = undefined;
}
async function detect(job, watch) {
    const start = performance.now();
    watch.signal.throwIfAborted();
    const detector = await detectorOf(job);
    const { engine } = detector;
    const identity = {
        schema: PARTIAL_SCHEMA,
        model: detector.digest,
        image: job.imageSha256 ?? (await sha256OfFile(job.image)),
        recorded: String(recordedScore(job.confidence)),
        provider: engine.provider,
        ortVersion: engine.ortVersion,
        instructionSet: engine.instructionSet,
    };
    const detected = await detectImage(job, detector, identity, watch);
    return {
        ...detected,
        ...engine,
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
        seconds: (performance.now() - start) / 1000,
    };
}
serveRequests(async (request, watch) => {
    if (request.kind === 'probe')
        return { kind: 'probed', engine: (await detectorOf(request.job)).engine };
    return { kind: 'detected', result: await detect(request.job, watch) };
}, release);
