import { serveRequests } from '../../onnx/session/inference-thread.ts';
import type { ModelJob } from '../sliding-window/roi-segmenter.ts';
import { type EngineNetworks, type NetworksAnswer, type NetworksRequest, openNetworks } from './open-networks.ts';
import type { NetworkCounts } from './ort-fold-networks.ts';

/** A thread serves one model: for another model it is stopped and a new one is started. */
let opened: EngineNetworks | undefined;

async function networksOf({ modelDir, provider, threads, keptBytes, device }: ModelJob): Promise<EngineNetworks> {
  opened ??= await openNetworks(modelDir, {
    ...(provider !== undefined && { provider }),
    ...(threads !== undefined && { threads }),
    ...(keptBytes !== undefined && { keptBytes }),
    ...(device !== undefined && { device }),
  });
  return opened;
}

function countsOf({ counts }: EngineNetworks): { readonly counts?: NetworkCounts } {
  return counts === undefined ? {} : { counts };
}

serveRequests<NetworksRequest, NetworksAnswer, never>(
  async (request) => {
    const networks = await networksOf(request.job);
    if (request.kind === 'open') return { kind: 'opened', engine: await networks.engine(), ...countsOf(networks) };
    if (request.kind === 'run') await networks.run(request.fold, request.input, request.output);
    else await networks.releaseLargeNetworks();
    return { kind: 'done', ...countsOf(networks) };
  },
  async () => opened?.release(),
);
