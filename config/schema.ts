import { z } from 'zod';
import { cellTaskConfig, tissueTaskConfig } from './task-config.ts';
import { CELL_TASKS, perTask, TASKS, TISSUE_TASKS } from './tasks.ts';
import { VerdictConfig } from './verdict-config.ts';
import { count, seconds, ZenodoConfig } from './zenodo-config.ts';

/** What the discrepancy ledger measures besides what costs nothing. */
const LedgerConfig = z
  .strictObject({
    full: z
      .boolean()
      .default(false)
      .describe(
        'Whether the ROIs whose tiles another rounding of the sliding window would move are segmented again with it. ' +
          'Default: false.',
      ),
  })
  .describe('The discrepancy ledger.');

/** What worker processes tell of themselves. Nothing of it changes a result. */
export const TelemetryConfig = z
  .strictObject({
    logLevel: z
      .enum(['ERROR', 'WARN', 'INFO', 'DEBUG'])
      .default('INFO')
      .describe('What the logs of workers leave out: everything less urgent. Default: INFO.'),
    metricsPort: z
      .number()
      .int()
      .min(0)
      .max(65_000)
      .default(0)
      .describe(
        'Port on which a worker process offers its metrics to Prometheus (`/metrics`); a second process of the same ' +
          'command takes the next one. 0: none. 0 to 65000. Default: 0.',
      ),
    metricsHost: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('Address that the metrics are offered on; 0.0.0.0 in a container. Default: 127.0.0.1.'),
  })
  .describe('Logs and metrics of the worker processes.');
export type TelemetryConfig = z.infer<typeof TelemetryConfig>;

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

const TemporalConfig = z
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
