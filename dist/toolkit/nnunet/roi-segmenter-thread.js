import { sha256OfFile } from '../files/hash-file.js';
import { serveRequests } from '../onnx/serve-requests.js';
import { describeNetworks } from './open-networks.js';
import { segmentRoi } from './segment-roi.js';
import { ThreadedNetworks } from './threaded-networks.js';
/** Raised whenever the order of sums or the files of a partial ROI change. */
const PARTIAL_SCHEMA = '3';
let loaded;
/** Keeps the networks of the last job: a run segments hundreds of ROIs with one model. */
async function networksOf({ modelDir, provider, threads }) {
    const { digest } = await describeNetworks(modelDir);
    const key = JSON.stringify([modelDir, digest, provider, threads]);
    if (loaded?.key === key)
        return loaded.networks;
    await release();
    const networks = await ThreadedNetworks.open({
        modelDir,
        ...(provider !== undefined && { provider }),
        ...(threads !== undefined && { threads }),
    });
    loaded = { key, networks };
    return networks;
}
async function release() {
    await loaded?.networks.close();
    loaded = undefined;
}
async function segment(job, watch) {
    const start = performance.now();
    const networks = await networksOf(job);
    const { engine } = networks;
    const identity = {
        schema: PARTIAL_SCHEMA,
        ...(job.rounding !== undefined && { rounding: job.rounding }),
        engine: 'exact',
        model: networks.digest,
        image: job.imageSha256 ?? (await sha256OfFile(job.image)),
        scope: job.scope,
        ...(job.scope === 'annotated' && job.truth !== undefined && { truth: await sha256OfFile(job.truth) }),
        provider: engine.provider,
        ortVersion: engine.ortVersion,
        instructionSet: engine.instructionSet,
    };
    const segmented = await segmentRoi(job, networks, identity, watch);
    return {
        ...segmented,
        ...engine,
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
        seconds: (performance.now() - start) / 1000,
    };
}
serveRequests(async (request, watch) => {
    if (request.kind === 'probe')
        return { kind: 'probed', engine: (await networksOf(request.job)).engine };
    return { kind: 'segmented', result: await segment(request.job, watch) };
}, release);
