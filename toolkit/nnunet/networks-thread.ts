import { serveRequests } from '../onnx/serve-requests.ts';
import type { NetworksAnswer, NetworksRequest } from './networks-messages.ts';
import { type EngineNetworks, openNetworks } from './open-networks.ts';
import type { ModelJob } from './roi-job.ts';

/** A thread serves one model: whoever wants another ends it and starts a new one. */
let opened: EngineNetworks | undefined;

async function networksOf({ modelDir, provider, threads }: ModelJob): Promise<EngineNetworks> {
  opened ??= await openNetworks(modelDir, {
    ...(provider !== undefined && { provider }),
    ...(threads !== undefined && { threads }),
  });
  return opened;
}

serveRequests<NetworksRequest, NetworksAnswer, never>(
  async (request) => {
    const networks = await networksOf(request.job);
    if (request.kind === 'open') return { kind: 'opened', engine: await networks.engine() };
    if (request.kind === 'run') await networks.run(request.fold, request.input, request.output);
    else await networks.relax();
    return { kind: 'done' };
  },
  async () => opened?.release(),
);
