import { z } from 'zod';
import { QUEUES } from '../config/task-queues.js';
import { TelemetryConfig } from '../config/telemetry-config.js';
const VARIABLE = 'REIGNITE_WORKER';
/** What a worker process is told by whoever starts it. */
export const WorkerSettings = z.object({
    queues: z.array(z.enum(QUEUES)).min(1),
    taskQueuePrefix: z.string().min(1),
    /** Longest time between two heartbeats that reach the server, s. */
    throttleSeconds: z.number().positive(),
    /** Files fetched at the same time. */
    connections: z.int().min(1),
    telemetry: TelemetryConfig.prefault({}),
});
/** What the workers of one command share. */
export function workerSettingsOf({ temporal: { taskQueuePrefix, throttleSeconds }, zenodo: { connections }, telemetry, }) {
    return { taskQueuePrefix, throttleSeconds, connections, telemetry };
}
export function settingsToEnvironment(settings) {
    return { [VARIABLE]: JSON.stringify(settings) };
}
/** @throws SyntaxError or ZodError when the variable is missing or holds something else. */
export function settingsFromEnvironment(environment = process.env) {
    return WorkerSettings.parse(JSON.parse(environment[VARIABLE] ?? '{}'));
}
