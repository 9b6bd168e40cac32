import { z } from 'zod';
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
        .describe('Port on which a worker process offers its metrics to Prometheus (`/metrics`); a second process of the same ' +
        'command takes the next one. 0: none. 0 to 65000. Default: 0.'),
    metricsHost: z
        .string()
        .min(1)
        .default('127.0.0.1')
        .describe('Address that the metrics are offered on; 0.0.0.0 in a container. Default: 127.0.0.1.'),
})
    .describe('Logs and metrics of the worker processes.');
