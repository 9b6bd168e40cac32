import { z } from 'zod';
import { TASKS } from '../../../config/tasks.ts';

/** A score as the authors compute it, and corrected. */
export const CorrectedNumber = z.object({
  name: z.string(),
  paper: z.number().nullable(),
  corrected: z.number().nullable(),
});
export type CorrectedNumber = z.infer<typeof CorrectedNumber>;

/** One discrepancy: the authors' code does something unexpected, or the record differs from its description. */
export const DiscrepancyEntry = z.object({
  id: z.string().regex(/^[a-z0-9-]+$/),
  title: z.string(),
  what: z.string().describe('What differs from what is expected'),
  where: z.string().describe("The file of the record, or of the authors' code"),
  tasks: z.array(z.enum(TASKS)),
  status: z
    .enum(['affects results', 'affects the record', 'no effect here', 'not measured', 'documented'])
    .describe('`not measured`: `effect` says why. `documented`: known, but not measurable in a run'),
  effect: z.string().describe('What was measured in this run, in a sentence'),
  corrected: z.array(CorrectedNumber).describe('Numbers with and without correction, where these differ'),
  affected: z.array(z.string()).describe('ROIs, images, rows, patients concerned; at most 1,000'),
  affectedTotal: z.int().min(0),
});
export type DiscrepancyEntry = z.infer<typeof DiscrepancyEntry>;

/** `verdict/discrepancies.json` of a results folder. */
export const DiscrepanciesFile = z.object({ schema: z.literal(1), entries: z.array(DiscrepancyEntry) });
export type DiscrepanciesFile = z.infer<typeof DiscrepanciesFile>;

/** The measured part of an entry. */
export type Measured = Pick<DiscrepancyEntry, 'status' | 'effect'> & {
  readonly corrected?: readonly CorrectedNumber[];
  readonly affected?: readonly string[];
};

const MAX_LISTED = 1_000;

/** Joins the description of an entry with what was measured. */
export function entryOf(
  about: Pick<DiscrepancyEntry, 'id' | 'title' | 'what' | 'where' | 'tasks'>,
  { status, effect, corrected = [], affected = [] }: Measured,
): DiscrepancyEntry {
  return {
    ...about,
    status,
    effect,
    corrected: corrected.filter(({ paper, corrected: other }) => paper !== other),
    affected: affected.slice(0, MAX_LISTED),
    affectedTotal: affected.length,
  };
}

/** Returns the largest difference that the correction makes, or 0. */
export function largestChange(numbers: readonly CorrectedNumber[]): number {
  return Math.max(
    0,
    ...numbers.map(({ paper, corrected }) => (paper === null || corrected === null ? 0 : Math.abs(corrected - paper))),
  );
}
