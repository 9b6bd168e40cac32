import { z } from 'zod';
import type { RunConfig } from '../../config/schema.ts';
import { TelemetryConfig } from '../../config/schema.ts';
import { StorageAddress } from '../../config/storage-config.ts';
import { QUEUES } from '../../config/tasks.ts';

const VARIABLE = 'REIGNITE_WORKER';

/** The settings that a worker process gets from its parent. */
export const WorkerSettings = z.object({
  queues: z.array(z.enum(QUEUES)).min(1),
  taskQueuePrefix: z.string().min(1),
  /** Longest time between two heartbeats that reach the server, s. */
  heartbeatThrottleSeconds: z.number().positive(),
  /** Files fetched at the same time. */
  connections: z.int().min(1),
  telemetry: TelemetryConfig.prefault({}),
  /** Object storage that machines without a common folder share. */
  storage: StorageAddress.exactOptional(),
  /** Largest size of the fetched files, bytes, on a worker that has none of the folders of its runs. */
  scratchBytes: z.number().positive().exactOptional(),
  /** Number of the GPU that CUDA uses, whatever the runs name. */
  device: z.int().min(0).exactOptional(),
  /** Time that open activities have to finish when the worker has to stop, s; otherwise they are given back at once. */
  drainSeconds: z.number().min(0).exactOptional(),
  /**
   * What the worker may use in addition to the folders of its state directory, for work from commands of other state
   * directories.
   */
  places: z
    .object({
      written: z.array(z.string()).readonly(),
      read: z.array(z.string()).readonly(),
      addresses: z.array(z.string()).readonly(),
    })
    .exactOptional(),
});
export type WorkerSettings = z.infer<typeof WorkerSettings>;

/**
 * Takes what the workers of one command share from a configuration.
 *
 * @example
 * const settings = { ...workerSettingsOf(config), queues: ['inference'] as const };
 */
export function workerSettingsOf({
  temporal: { taskQueuePrefix, heartbeatThrottleSeconds },
  zenodo: { connections },
  telemetry,
  storage,
}: Pick<RunConfig, 'temporal' | 'zenodo' | 'telemetry' | 'storage'>): Omit<WorkerSettings, 'queues'> {
  return {
    taskQueuePrefix,
    heartbeatThrottleSeconds,
    connections,
    telemetry,
    ...(storage === undefined ? {} : { storage }),
  };
}

export function settingsToEnvironment(settings: WorkerSettings): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(settings) };
}

/** @throws SyntaxError or ZodError when the variable is missing or holds something else. */
export function settingsFromEnvironment(environment: NodeJS.ProcessEnv = process.env): WorkerSettings {
  return WorkerSettings.parse(JSON.parse(environment[VARIABLE] ?? '{}'));
}
