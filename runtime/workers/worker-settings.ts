import { z } from 'zod';
import { type RunConfig, StorageAddress, TelemetryConfig } from '../../config/schema.ts';
import { QUEUES } from '../../config/tasks.ts';

const VARIABLE = 'REIGNITE_WORKER';

/** The settings that a worker process gets from its parent. */
export const WorkerSettings = z.object({
  queues: z.array(z.enum(QUEUES)).min(1),
  taskQueuePrefix: z.string().min(1),
  /** Maximum time between two heartbeats to the server, s. */
  heartbeatThrottleSeconds: z.number().positive(),
  /** Number of files downloaded at the same time. */
  connections: z.int().min(1),
  telemetry: TelemetryConfig.prefault({}),
  /** Object storage that machines without a common folder share. */
  storage: StorageAddress.exactOptional(),
  /** Size limit of the fetched files in bytes, on a worker that has none of the folders of its runs. */
  scratchBytes: z.number().positive().exactOptional(),
  /** Number of the GPU for CUDA, overriding the runs' setting. */
  device: z.int().min(0).exactOptional(),
  /** Time for open activities to finish when the worker has to stop, s; by default they are handed back immediately. */
  drainSeconds: z.number().min(0).exactOptional(),
  /** Places that the worker may use in addition to those of its state directory, for commands of other state directories. */
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
 * Takes the settings shared by the workers of one command from a configuration.
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

/** @throws SyntaxError or ZodError when the variable is missing or invalid. */
export function settingsFromEnvironment(environment: NodeJS.ProcessEnv = process.env): WorkerSettings {
  return WorkerSettings.parse(JSON.parse(environment[VARIABLE] ?? '{}'));
}
