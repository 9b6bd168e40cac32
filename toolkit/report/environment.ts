import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { fileExists } from '../files/if-there.ts';
import { AdapterNames, adapterNames } from '../onnx/provider/adapter.ts';
import { SumsChoice } from '../onnx/session/engine-choice.ts';
import { RESULTS } from '../results/results-folder.ts';

/** A machine that worked on a run. It has no user or host name, so that identical machines are listed once. */
export const Environment = z.object({
  role: z.enum(['orchestration', 'inference']),
  reignite: z.string().describe('Version of this package'),
  node: z.string(),
  platform: z.string(),
  processor: z.string(),
  cores: z.int().min(1),
  memory: z.number().describe('GiB, rounded'),
  onnxRuntime: z.string().optional(),
  provider: z.string().optional(),
  adapter: AdapterNames.shape.adapter.optional(),
  driver: AdapterNames.shape.driver.optional(),
  engine: z.string().optional().describe('Only of another engine than exact'),
  precision: SumsChoice.shape.precision.optional(),
  batchSize: SumsChoice.shape.batchSize.optional(),
});
export type Environment = z.infer<typeof Environment>;

/** Describes the machine on which this process runs. */
export function environment(
  role: Environment['role'],
  version: string,
  engine: AdapterNames &
    Pick<SumsChoice, 'precision' | 'batchSize'> & {
      readonly ortVersion?: string;
      readonly provider?: string;
      readonly engine?: string;
    } = {},
): Environment {
  const [first] = cpus();
  return {
    role,
    reignite: version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: first?.model.trim() || 'unknown',
    cores: Math.max(1, cpus().length),
    memory: Math.round(totalmem() / 2 ** 30),
    ...(engine.ortVersion === undefined ? {} : { onnxRuntime: engine.ortVersion }),
    ...(engine.provider === undefined ? {} : { provider: engine.provider }),
    ...adapterNames(engine),
    ...(engine.engine !== undefined && engine.engine !== 'exact' && { engine: engine.engine }),
    ...(engine.precision !== undefined && { precision: engine.precision }),
    ...(engine.batchSize !== undefined && { batchSize: engine.batchSize }),
  };
}

/** Records a machine that works on a run, if it is not recorded yet. */
export async function recordEnvironment(results: string, machine: Environment): Promise<void> {
  const text = `${JSON.stringify(machine, null, 1)}\n`;
  const name = `${machine.role}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
  if (!(await fileExists(RESULTS.environment.in(results, name))))
    await RESULTS.environment.write(results, machine, name);
}

/** Reads the machines that worked on a run, by name. */
export async function readEnvironments(results: string): Promise<readonly Environment[]> {
  const names = await readdir(dirname(RESULTS.environment.in(results, 'any'))).catch(() => []);
  const machines = names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => RESULTS.environment.read(results, basename(name, '.json')));
  return Promise.all(machines);
}
