import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { HomeFolders } from '../toolkit/files/home-folders.ts';
import type { RoiSegmenter } from '../toolkit/nnunet/roi-segmenter.ts';
import type { CellDetector } from '../toolkit/yolov5/cell-detector.ts';
import { withHeartbeat } from './heartbeat.ts';
import { type EngineRef, ProbeInput } from './inputs.ts';

export interface ProbedEngine extends EngineRef {
  /** Providers that were tried first, with the reason why they do not work here. */
  readonly fallbacks: readonly string[];
}

interface Engines {
  readonly segmenter: RoiSegmenter;
  readonly detector: CellDetector;
}

/** Finds out what a task's network will run on, before results are looked up under it. */
export function createProbeInference(home: HomeFolders, { segmenter, detector }: Engines) {
  return async function probeInference(input: ProbeInput): Promise<ProbedEngine> {
    const { task, model, inference } = ProbeInput.parse(input);
    const signal = Context.current().cancellationSignal;
    return withHeartbeat({ phase: 'probing', provider: inference.provider }, async () => {
      const job = { modelDir: join(home.models, model.digest), provider: inference.provider, threads: 1 };
      const found = await (task === 'he' ? segmenter : detector).probe(job, { signal });
      const { provider, ortVersion, fallbacks } = found;
      return { provider, ortVersion, engine: inference.engine, fallbacks };
    });
  };
}
