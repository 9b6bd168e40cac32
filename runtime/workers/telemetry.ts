import { DefaultLogger, Runtime, type RuntimeOptions } from '@temporalio/worker';
import type { TelemetryConfig } from '../../config/telemetry-config.ts';
import { logLine } from './log-line.ts';

/**
 * Sets up what this process tells of itself: its log on stderr, a JSON document a line, the SDK's own messages
 * included; and its metrics for Prometheus, those of the SDK (`temporal_*`) and ours (`reignite_*`).
 *
 * A port that is taken costs the metrics, not the work. To be called before anything else of the SDK is used.
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
      Runtime.install({ logger, telemetryOptions: { logging, metrics: { prometheus } } });
      return;
    } catch (error) {
      logger.warn(`No metrics on ${bindAddress}`, { error: error instanceof Error ? error.message : String(error) });
    }
  }
  const options: RuntimeOptions = { logger, telemetryOptions: { logging } };
  Runtime.install(options);
}
