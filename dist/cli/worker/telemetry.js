import { DefaultLogger, Runtime } from '@temporalio/worker';
import { logLine } from './log-line.js';
/**
 * Sets up what this process tells of itself: its log on stderr, a JSON document a line, the SDK's own messages
 * included; and its metrics for Prometheus, those of the SDK (`temporal_*`) and ours (`reignite_*`).
 *
 * A port that is taken costs the metrics, not the work. To be called before anything else of the SDK is used.
 */
export function installTelemetry({ logLevel, metricsPort, metricsHost }) {
    const logger = new DefaultLogger(logLevel, (entry) => {
        process.stderr.write(`${logLine(entry)}\n`);
    });
    const logging = { filter: { core: 'WARN', other: 'ERROR' }, forward: {} };
    if (metricsPort !== 0) {
        const bindAddress = `${metricsHost}:${metricsPort}`;
        const prometheus = { bindAddress, countersTotalSuffix: true, useSecondsForDurations: true };
        try {
            Runtime.install({ logger, telemetryOptions: { logging, metrics: { prometheus } } });
            return;
        }
        catch (error) {
            logger.warn(`No metrics on ${bindAddress}`, { error: error instanceof Error ? error.message : String(error) });
        }
    }
    const options = { logger, telemetryOptions: { logging } };
    Runtime.install(options);
}
