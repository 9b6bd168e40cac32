import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { RESULTS } from '../results/results-folder.ts';

const Moment = z.string().nullable().describe('ISO 8601, UTC');

/** A line of trace.jsonl: one activity of a run, according to the workflow history. */
export const TraceLine = z.object({
  workflow: z.string().describe('ID of the workflow that scheduled the activity'),
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
    .describe(
      'Peak resident memory of the worker process, including other activities in it; only of completed activities',
    ),
  outcome: z.enum(['completed', 'failed', 'timed out', 'cancelled', 'open']),
});
export type TraceLine = z.infer<typeof TraceLine>;

/** Writes trace.jsonl, one activity per line, in the order in which they were scheduled. */
export async function writeTraceFile(results: string, lines: readonly TraceLine[]): Promise<void> {
  const sorted = [...lines].sort((a, b) => ((a.scheduled ?? '') < (b.scheduled ?? '') ? -1 : 1));
  await writeFileAtomic(RESULTS.trace.in(results), sorted.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** How long the activities of a run took, by type. */
export interface StepTimes {
  readonly steps: readonly {
    /** Name of the activity. */
    readonly step: string;
    readonly count: number;
    /** Total seconds of the last attempts. */
    readonly total: number;
    readonly longest: number;
    /** Number of activities that needed more than one attempt. */
    readonly again: number;
  }[];
  readonly retries: number;
  /** When the first activity was scheduled, ISO 8601, UTC. */
  readonly began: string | undefined;
}

/** Sums up trace.jsonl by type of activity, longest total first; empty if there is no trace yet. */
export async function readStepTimes(results: string): Promise<StepTimes> {
  const text = await readFile(RESULTS.trace.in(results), 'utf8').catch(() => '');
  const kinds = new Map<string, { count: number; total: number; longest: number; again: number }>();
  let began: string | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const { step, runSeconds, attempts, scheduled } = TraceLine.parse(JSON.parse(line));
    if (scheduled !== null && (began === undefined || scheduled < began)) began = scheduled;
    const kind = kinds.get(step) ?? { count: 0, total: 0, longest: 0, again: 0 };
    kind.count++;
    kind.total += runSeconds ?? 0;
    kind.longest = Math.max(kind.longest, runSeconds ?? 0);
    if (attempts > 1) kind.again++;
    kinds.set(step, kind);
  }
  const steps = [...kinds].map(([step, kind]) => ({ step, ...kind })).sort((a, b) => b.total - a.total);
  return { steps, began, retries: steps.reduce((sum, { again }) => sum + again, 0) };
}
