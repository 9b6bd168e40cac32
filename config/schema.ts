import { z } from 'zod';
import { count, seconds } from './fields.ts';
import { LedgerConfig } from './ledger-config.ts';
import { cellTaskConfig, tissueTaskConfig } from './task-config.ts';
import { CELL_TASKS, perTask, TASKS, TISSUE_TASKS } from './tasks.ts';
import { TelemetryConfig } from './telemetry-config.ts';
import { VerdictConfig } from './verdict-config.ts';
import { ZenodoConfig } from './zenodo-config.ts';

export const TaskName = z.enum(TASKS).describe('A task of the technical validation.');

export const InferenceConfig = z
  .strictObject({
    provider: z
      .enum(['auto', 'cpu', 'cuda', 'webgpu'])
      .default('auto')
      .describe('ONNX Runtime execution provider; `auto` takes cuda where it works, else cpu. Default: auto.'),
    engine: z
      .enum(['exact'])
      .default('exact')
      .describe('`exact` follows the order of sums of nnU-Net v1. Default: exact.'),
    threads: z
      .number()
      .int()
      .min(0)
      .max(256)
      .default(0)
      .describe('Threads of one session; 0 takes all cores. Changes no result. 0 to 256. Default: 0.'),
  })
  .describe('How the networks run.');

export const TemporalConfig = z
  .strictObject({
    taskQueuePrefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,60}$/)
      .default('reignite')
      .describe('Task queues are PREFIX-orchestration, -download, -inference and -render. Default: reignite.'),
    heartbeatSeconds: seconds(45, 'A step silent for so long is taken for dead and tried again.'),
    throttleSeconds: seconds(3, 'How often heartbeats leave a worker at most; also how fast a cancel arrives.'),
    retrySeconds: seconds(1, 'Wait before the second attempt of a step; doubles to 100 s.'),
    window: count(4, 64, 'ROIs handed to the inference queue at the same time.'),
    pageSize: count(100, 250, 'ROIs a child workflow.'),
  })
  .describe('How the steps are scheduled. Changes no result.');

/** One run's configuration. Everything has a default but the name and the record. */
export const RunConfig = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,60}$/)
      .describe('Name of the profile; results go to results/NAME.'),
    record: z
      .string()
      .min(1)
      .describe(
        'Zenodo record: number, DOI or URL. That of all versions stands for the newest one. The paper used 15674785.',
      ),
    tasks: z
      .array(TaskName)
      .min(1)
      .default([...TASKS])
      .describe('The tasks to run. Default: all.'),
    zenodo: ZenodoConfig.prefault({}),
    ...perTask(TISSUE_TASKS, (task) => tissueTaskConfig(task).prefault({})),
    ...perTask(CELL_TASKS, (task) => cellTaskConfig(task).prefault({})),
    inference: InferenceConfig.prefault({}),
    verdict: VerdictConfig.prefault({}),
    ledger: LedgerConfig.prefault({}),
    temporal: TemporalConfig.prefault({}),
    telemetry: TelemetryConfig.prefault({}),
  })
  .describe('Configuration of a reignite run.');
export type RunConfig = z.infer<typeof RunConfig>;
