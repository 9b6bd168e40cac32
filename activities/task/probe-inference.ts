import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { adapterNames } from '../../toolkit/onnx/provider/adapter.ts';
import type { PredictionEngines } from '../../toolkit/predict/prediction-order.ts';
import { taskNamed } from '../../toolkit/tasks/task-named.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { type EngineRef, ProbeInput } from '../inputs.ts';
import { bringModel, elsewhere, orGiveBack } from './stage-in.ts';
import { sessionOf, type WorkerServices } from './work-of.ts';

export interface ProbedEngine extends EngineRef {
  /** Providers that were tried before, with the reason why they do not work here. */
  readonly fallbacks: readonly string[];
}

/** Services that the probe needs. */
type ProbeServices = Pick<WorkerServices, 'home' | 'storage' | 'scratch'>;

/** Determines the engine of a task's network, before results are looked up by it. */
export function createProbeInference(services: ProbeServices, engines: PredictionEngines) {
  return async function probeInference(input: ProbeInput): Promise<ProbedEngine> {
    const { task, model, inference } = ProbeInput.parse(input);
    const { cancellationSignal: signal, log } = Context.current();
    const { home } = services;
    const away = elsewhere(services);
    return withHeartbeat({ phase: 'probing', provider: inference.provider }, async () => {
      if (away !== undefined) await orGiveBack(() => bringModel(away, model.digest, signal));
      const job = { ...sessionOf(inference), modelDir: join(home.models, model.digest), threads: 1 };
      const { provider, ortVersion, fallbacks, ...more } = await taskNamed(task).probe(engines, job, signal);
      const names = adapterNames(more);
      if (fallbacks.length > 0) log.info('execution provider', { provider, ...names, fallbacks });
      // A task that the fast engine does not speed up uses the cache key of the exact one.
      const { engine = 'exact', precision, batchSize } = more;
      const choice = { ...(precision !== undefined && { precision }), ...(batchSize !== undefined && { batchSize }) };
      return { provider, ...names, ortVersion, engine, ...choice, fallbacks };
    });
  };
}
