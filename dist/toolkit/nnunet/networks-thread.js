import { serveRequests } from '../onnx/serve-requests.js';
import { openNetworks } from './open-networks.js';
/** A thread serves one model: whoever wants another ends it and starts a new one. */
let opened;
async function networksOf({ modelDir, provider, threads }) {
    opened ??= await openNetworks(modelDir, {
        ...(provider !== undefined && { provider }),
        ...(threads !== undefined && { threads }),
    });
    return opened;
}
serveRequests(async (request) => {
    const networks = await networksOf(request.job);
    if (request.kind === 'open')
        return { kind: 'opened', engine: await networks.engine() };
    if (request.kind === 'run')
        await networks.run(request.fold, request.input, request.softmax);
    else
        await networks.relax();
    return { kind: 'done' };
}, async () => opened?.release());
