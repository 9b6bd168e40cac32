import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic-write.js';
const Moment = z.string().nullable().describe('ISO 8601, UTC');
/** A line of trace.jsonl: one step of a run, as its history has it. */
export const TraceLine = z.object({
    workflow: z.string().describe('Id of the workflow that asked for the step'),
    step: z.string().describe('Name of the activity'),
    summary: z.string().describe('What it was about, such as an ROI'),
    scheduled: Moment,
    started: Moment.describe('Of the last attempt'),
    closed: Moment,
    queueSeconds: z.number().nullable().describe('From scheduled to started, earlier attempts included'),
    runSeconds: z.number().nullable().describe('The last attempt'),
    attempts: z.int().min(0),
    worker: z.string(),
    peakMemoryBytes: z
        .int()
        .nullable()
        .describe('Peak resident memory of the worker process, other steps under way in it included; of a step that ended well'),
    outcome: z.enum(['completed', 'failed', 'timed out', 'cancelled', 'open']),
});
/** Writes trace.jsonl, a step a line, in the order in which the steps were asked for. */
export async function writeTraceFile(results, lines) {
    const sorted = [...lines].sort((a, b) => ((a.scheduled ?? '') < (b.scheduled ?? '') ? -1 : 1));
    await writeFileAtomic(join(results, 'trace.jsonl'), sorted.map((line) => `${JSON.stringify(line)}\n`).join(''));
}
