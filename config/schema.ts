import { z } from 'zod';
import { StorageAddress } from './storage-config.ts';
import { cellTaskConfig, listOf, tissueTaskConfig } from './task-config.ts';
import { CELL_TASKS, perTask, TASKS, TISSUE_TASKS } from './tasks.ts';
import { VerdictConfig } from './verdict-config.ts';
import { count, seconds, ZenodoConfig } from './zenodo-config.ts';

/** What the discrepancy report measures beyond what needs no inference. */
const DiscrepanciesConfig = z
  .strictObject({
    full: z
      .boolean()
      .default(false)
      .describe(
        'Measure the effect of rounding tile positions half up, by segmenting again the ROIs whose tiles would move. ' +
          'Default: false.',
      ),
  })
  .describe('The discrepancy report.');

/** What worker processes log and measure. No field changes a result. */
export const TelemetryConfig = z
  .strictObject({
    logLevel: z
      .enum(['ERROR', 'WARN', 'INFO', 'DEBUG'])
      .default('INFO')
      .describe('The least urgent level that workers log. Default: INFO.'),
    metricsPort: z
      .number()
      .int()
      .min(0)
      .max(65_000)
      .default(0)
      .describe(
        'Port on which a worker process serves Prometheus metrics (`/metrics`); a second process of the same ' +
          'command uses the next one. 0: off. 0 to 65000. Default: 0.',
      ),
    metricsHost: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('Address on which the metrics are served; 0.0.0.0 in a container. Default: 127.0.0.1.'),
  })
  .describe('Logs and metrics of the worker processes.');
export type TelemetryConfig = z.infer<typeof TelemetryConfig>;

export const TaskName = z.enum(TASKS).describe('A task of the technical validation.');

export const InferenceConfig = z
  .strictObject({
    provider: z
      .enum(['auto', 'cpu', 'cuda', 'webgpu'])
      .default('auto')
      .describe(
        'ONNX Runtime execution provider; `auto` uses cuda where it works, else webgpu on a GPU, else cpu. Default: auto.',
      ),
    engine: z
      .enum(['exact', 'fast'])
      .default('exact')
      .describe(
        '`exact` adds up the tiles in the same order as nnU-Net v1. `fast` (not for slides) adds them in another order, ' +
          'on CUDA in one graph and in half precision; its results are cached separately. Default: exact.',
      ),
    precision: z
      .enum(['auto', 'float32', 'float16'])
      .default('auto')
      .describe(
        'Number format in which the networks of the fast engine multiply; sums are float32. `auto`: float16 on cuda, else float32; ' +
          'float16 needs cuda. Default: auto.',
      ),
    batchSize: z
      .number()
      .int()
      .min(0)
      .max(64)
      .default(0)
      .describe(
        'Tiles that the fast engine runs at once on cuda; 0: as many as suit the memory of the GPU. 0 to 64. Default: 0.',
      ),
    deviceId: z
      .number()
      .int()
      .min(0)
      .max(63)
      .default(0)
      .describe(
        'GPU for cuda, by its number in `nvidia-smi`. Cache keys hold its name, memory and driver. Above 0, provider `auto` ' +
          'takes this GPU or fails. 0 to 63. Default: 0.',
      ),
    threads: z
      .number()
      .int()
      .min(0)
      .max(256)
      .default(0)
      .describe('Threads per session; 0 uses all cores. Does not change results. 0 to 256. Default: 0.'),
  })
  .describe('How the networks run.');

const TemporalConfig = z
  .strictObject({
    taskQueuePrefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,60}$/)
      .default('reignite')
      .describe('Task queues are PREFIX-orchestration, -download, -inference and -render. Default: reignite.'),
    heartbeatSeconds: seconds(45, 'Heartbeat timeout: an activity silent for this long is retried.'),
    heartbeatThrottleSeconds: seconds(
      3,
      'Minimum interval between heartbeats. An activity learns of its cancellation with a heartbeat, so a larger value delays cancellation.',
    ),
    // Temporal rejects a first interval above the longest one, which workflows/steps.ts sets.
    retrySeconds: seconds(1, 'Wait before the first retry of an activity; doubles up to 100 s.', 100),
    maxConcurrentRois: count(4, 64, 'ROIs of a task scheduled on the inference queue at the same time.'),
    batchSize: count(100, 250, 'ROIs per child workflow.'),
  })
  .describe('How activities are scheduled. Does not change results.');

/** The configuration of one run. Every field except the name and the record has a default. */
export const RunConfig = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,60}$/)
      .describe('Name of the profile; results are written to results/NAME.'),
    record: z
      .string()
      .min(1)
      .describe(
        'Zenodo record: number, DOI or URL. The DOI of all versions means the newest one. The paper used 15674785.',
      ),
    tasks: listOf(TaskName)
      .refine((tasks) => new Set(tasks).size === tasks.length, 'a task is named twice; name each task once.')
      .default([...TASKS])
      .describe('The tasks to run. Default: all.'),
    storage: StorageAddress.exactOptional(),
    zenodo: ZenodoConfig.prefault({}),
    ...perTask(TISSUE_TASKS, (task) => tissueTaskConfig(task).prefault({})),
    ...perTask(CELL_TASKS, (task) => cellTaskConfig(task).prefault({})),
    inference: InferenceConfig.prefault({}),
    verdict: VerdictConfig.prefault({}),
    discrepancies: DiscrepanciesConfig.prefault({}),
    temporal: TemporalConfig.prefault({}),
    telemetry: TelemetryConfig.prefault({}),
  })
  .describe('Configuration of a reignite run.');
export type RunConfig = z.infer<typeof RunConfig>;
