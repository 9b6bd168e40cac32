import { DefaultLogger, type LogEntry, Runtime, type RuntimeOptions } from '@temporalio/worker';
import type { TelemetryConfig } from '../../config/schema.ts';
import { WORKER_HEARTBEAT_MS } from './list-workers.ts';

/** Uninformative fields that the SDK adds to every message. */
const LEFT_OUT = new Set([
  'sdkComponent',
  'taskToken',
  'namespace',
  'workflowId',
  'workflowRunId',
  'activityId',
  'isLocal',
]);

/**
 * Formats a worker's message as one line of JSON: time, level, message; run, stage and ROI if it is about one; the
 * activity and its attempt; then all other fields.
 */
export function logLine({ level, message, timestampNanos, meta = {} }: LogEntry): string {
  const { workflowId, activityType, ...rest } = meta;
  const others = Object.entries(rest).filter(([name]) => !LEFT_OUT.has(name));
  const line = {
    time: new Date(Number(timestampNanos / 1_000_000n)).toISOString(),
    level,
    message,
    ...(typeof workflowId === 'string' ? placeOf(workflowId) : {}),
    ...(activityType === undefined ? {} : { step: activityType }),
    ...Object.fromEntries(others),
  };
  return JSON.stringify(line, (_name, value: unknown) => plain(value));
}

/** Splits a workflow ID: the first four parts are the run, then follow the stage and the batch. */
function placeOf(workflowId: string): { run: string; stage?: string; page?: string } {
  const parts = workflowId.split('/');
  if (parts[0] !== 'reproduce') return { run: workflowId };
  const [stage, page] = parts.slice(4);
  return {
    run: parts.slice(0, 4).join('/'),
    ...(stage === undefined ? {} : { stage }),
    ...(page === undefined ? {} : { page }),
  };
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Error) return value.stack ?? value.message;
  return value;
}

/**
 * Sets up the telemetry of this process: its log on stderr, one JSON document per line, including the SDK's own
 * messages; and metrics for Prometheus, those of the SDK (`temporal_*`) and ours (`reignite_*`).
 *
 * If the port is taken, only the metrics are lost. Call this before using the SDK otherwise.
 */
export function installTelemetry({ logLevel, metricsPort, metricsHost }: TelemetryConfig): void {
  const logger = new DefaultLogger(logLevel, (entry) => {
    process.stderr.write(`${logLine(entry)}\n`);
  });
  const logging = { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } as const;
  if (metricsPort !== 0) {
    const bindAddress = `${metricsHost}:${metricsPort}`;
    const prometheus = { bindAddress, countersTotalSuffix: true, useSecondsForDurations: true };
    try {
      const telemetryOptions = { logging, metrics: { prometheus } };
      Runtime.install({ logger, telemetryOptions, workerHeartbeatInterval: WORKER_HEARTBEAT_MS });
      return;
    } catch (error) {
      logger.warn(`No metrics on ${bindAddress}`, { error: error instanceof Error ? error.message : String(error) });
    }
  }
  const options: RuntimeOptions = {
    logger,
    telemetryOptions: { logging },
    workerHeartbeatInterval: WORKER_HEARTBEAT_MS,
  };
  Runtime.install(options);
}
