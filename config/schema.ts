import { z } from 'zod';
import { cellTaskConfig, listOf, tissueTaskConfig } from './task-config.ts';
import { CELL_TASKS, perTask, TASKS, TISSUE_TASKS } from './tasks.ts';
import { VerdictConfig } from './verdict-config.ts';

/** Schema of a duration in seconds; unit and default are added to the description. */
const seconds = (fallback: number, text: string, max = 604_800) =>
  z.number().positive().max(max).default(fallback).describe(`${text} Unit: s. Default: ${fallback}.`);

/** Schema of a whole number from 1 to `max`; the range and the default are added to the description. */
const count = (fallback: number, max: number, text: string) =>
  z.number().int().min(1).max(max).default(fallback).describe(`${text} 1 to ${max}. Default: ${fallback}.`);

/** Source of the record and limits of requests to its server. No field changes a result: every byte is verified. */
export const ZenodoConfig = z
  .strictObject({
    api: z
      .url({ protocol: /^https?$/ })
      .default('https://zenodo.org/api')
      .describe('Address of the record API, without a trailing slash. Default: https://zenodo.org/api.'),
    serveFrom: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder with the files of a record; they are served on 127.0.0.1 in place of `api`. Relative to the ' +
          'installed package when it is one of its folders (`data/sample`). Default: none.',
      ),
    mirror: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder that already contains files of the record. Each is verified like a download, and is never changed. ' +
          'Absolute, or relative to the current folder. Default: none.',
      ),
    offline: z
      .boolean()
      .default(false)
      .describe(
        'Use the data folder as it is, without network access. Nothing is downloaded, and only files that this ' +
          'installation downloaded earlier are verified. Default: false.',
      ),
    keepArchives: z
      .boolean()
      .default(false)
      .describe('Keep archives in DATA/archives after they are unpacked and verified. Default: false.'),
    stallTimeoutSeconds: seconds(30, 'A transfer without a byte for this long is restarted where it stopped.'),
    retryTimeoutSeconds: seconds(
      3_600,
      'How long failing requests (no network, a server error, a request to wait) are retried before the error ends ' +
        'the run; every byte received restarts the count.',
    ),
    diskFullTimeoutSeconds: seconds(3_600, 'How long to wait for space on a full disk before NO_SPACE ends the run.'),
    connections: count(2, 2, 'Files downloaded at the same time; Zenodo blocks clients that open more than two.'),
    requestsPerMinute: count(50, 60, 'Requests to one host per minute; Zenodo allows 60 without an account.'),
  })
  .describe('Where the record comes from.');
export type ZenodoConfig = z.infer<typeof ZenodoConfig>;

const SCHEME = 's3://';
/** A bucket by the rules of S3, and a prefix of plain characters. Credentials do not belong in an address. */
const ADDRESS = /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[A-Za-z0-9._-]+)*\/?$/;

/** Object storage for machines that have no common folder. */
export const StorageAddress = z
  .string()
  .regex(
    ADDRESS,
    'expected s3://BUCKET or s3://BUCKET/PREFIX; BUCKET has 3 to 63 lower-case letters, digits, dots or hyphens, PREFIX letters, digits, dots, hyphens, underscores and slashes.',
  )
  .refine(
    (text) => !text.split('/').some((part) => part === '.' || part === '..'),
    'expected a prefix without . and .. as parts.',
  )
  .describe(
    'Object storage for workers without a shared folder: `s3://BUCKET/PREFIX` of any S3-compatible server. Server and ' +
      'credentials come from the usual AWS variables and files. Does not change results. Default: none, folders are shared.',
  );

/** Bucket and prefix of a storage address. */
export interface StoragePlace {
  readonly bucket: string;
  /** Empty, or ending in a slash. */
  readonly prefix: string;
}

/** @param address - In the format of `StorageAddress`. */
export function storagePlace(address: string): StoragePlace {
  const [bucket = '', ...prefix] = StorageAddress.parse(address).slice(SCHEME.length).split('/');
  const parts = prefix.filter((part) => part !== '');
  return { bucket, prefix: parts.map((part) => `${part}/`).join('') };
}

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
        'Tiles that run at once on a GPU: of detectors, and of the fast engine on cuda; 0: as many as suit its memory. ' +
          'Part of the cache key there. 0 to 64. Default: 0.',
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
