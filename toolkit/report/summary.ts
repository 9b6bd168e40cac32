import { z } from 'zod';
import { kindOfNumber, Provenance } from '../dataset/provenance.ts';
import { Verdict, VerdictEngine } from '../verdict/verdict-file.ts';

export const TaskSummary = z.object({
  verdict: Verdict,
  engine: VerdictEngine.pick({
    engine: true,
    precision: true,
    batchSize: true,
    provider: true,
    adapter: true,
    driver: true,
  })
    .optional()
    .describe('How the networks ran, where not with the exact engine'),
  rois: z.object({
    total: z.int().min(0),
    computed: z.int().min(0),
    cached: z.int().min(0),
    failed: z.int().min(0),
  }),
  failures: z.array(
    z.object({
      roi: z.string(),
      code: z.string(),
      cause: z.string(),
      remedy: z.string().optional().describe('What the user can do; missing in summaries of earlier versions'),
    }),
  ),
  worst: z.array(z.object({ roi: z.string(), difference: z.number() })).describe('ROIs that differ most, worst first'),
});
export type TaskSummary = z.infer<typeof TaskSummary>;

export const RunStatus = z.enum(['running', 'done', 'partial', 'failed', 'cancelled']);
export type RunStatus = z.infer<typeof RunStatus>;

/** A change that a user made while the run was in progress. */
export const RunIntervention = z.object({
  at: z.string().describe('ISO 8601, UTC'),
  what: z.string().describe('Such as `paused`, `resumed`, or an ROI that was skipped with its reason'),
});
export type RunIntervention = z.infer<typeof RunIntervention>;

/** `summary.json` of a results folder: the run that it belongs to, and how that ended. */
export const Summary = z.object({
  run: z.string().describe('Workflow id'),
  record: z.string(),
  provenance: Provenance.optional().describe('What was compared; missing until the run has ended'),
  profile: z.string(),
  digest: z.string().describe('Digest of the configuration that the folder belongs to'),
  status: RunStatus,
  ended: z.iso.datetime().optional().describe('UTC; missing while the run is open'),
  tasks: z.record(z.string(), TaskSummary),
  generation: z.string().optional().describe('Part of the cache that a fresh run has to itself; missing otherwise'),
  interventions: z.array(RunIntervention).optional().describe('In their order; missing without interventions'),
});
export type Summary = z.infer<typeof Summary>;

/**
 * Returns what a run compared. For summaries of earlier versions, which do not say so, it is derived from the record
 * number.
 */
export function provenanceOf({ record, provenance }: Summary): Provenance {
  return provenance ?? { kind: kindOfNumber({ id: record }) };
}

/** Returns the JSON Schema (2020-12) of summary.json, which is published as docs/summary.schema.json. */
export function summarySchema(): object {
  return {
    ...z.toJSONSchema(Summary),
    title: 'summary.json of a reignite run',
    description: 'The run that a results folder belongs to, how it ended, and its verdict per task.',
  };
}
