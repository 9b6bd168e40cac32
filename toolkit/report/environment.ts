import { cpus, totalmem } from 'node:os';
import { z } from 'zod';
import { AdapterNames, adapterNames, SumsChoice } from '../onnx/session/engine-choice.ts';
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
