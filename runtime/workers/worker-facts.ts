import { cpus, totalmem } from 'node:os';
import { z } from 'zod';
import { packageVersion } from '../../config/package-files.ts';
import { nvidiaAdapter, usedGpu } from '../../toolkit/onnx/provider/nvidia.ts';

/** What a worker reports about itself to the Temporal server; visible to every user of that server. */
export const WorkerFacts = z.object({
  reignite: z.string().describe('Version of this package'),
  processor: z.string(),
  cores: z.int().min(1),
  memory: z.number().describe('GiB, rounded'),
  adapter: z.string().optional().describe('GPU, where the machine says'),
  device: z.int().optional().describe('Number of the GPU, where the worker has one of its own'),
  scratch: z.boolean().optional().describe('Whether it fetches its files from object storage'),
});
export type WorkerFacts = z.infer<typeof WorkerFacts>;

const START = 'reignite ';

/**
 * Returns the facts of this process.
 *
 * @param isElsewhere - Whether the worker has none of the folders of its runs.
 * @param device - Number of the GPU assigned to this worker, if any.
 */
export function workerFacts(isElsewhere: boolean, device?: number): WorkerFacts {
  const { adapter } = nvidiaAdapter(device === undefined ? undefined : usedGpu(device));
  return {
    reignite: packageVersion(),
    processor: cpus()[0]?.model.trim() || 'unknown',
    cores: Math.max(1, cpus().length),
    memory: Math.round(totalmem() / 2 ** 30),
    ...(adapter === undefined ? {} : { adapter }),
    ...(device === undefined ? {} : { device }),
    ...(isElsewhere ? { scratch: true } : {}),
  };
}

/** Encodes facts as the name of a plugin, the only text that reignite can add to a worker's heartbeats. */
export function factsToName(facts: WorkerFacts): string {
  return START + JSON.stringify(facts);
}

/** @returns Undefined for any other name. */
export function factsFromName(name: string): WorkerFacts | undefined {
  if (!name.startsWith(START)) return undefined;
  try {
    return WorkerFacts.safeParse(JSON.parse(name.slice(START.length))).data;
  } catch {
    return undefined;
  }
}
