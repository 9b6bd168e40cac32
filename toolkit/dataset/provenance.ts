import { z } from 'zod';
import type { Verdict } from '../verdict/verdict-file.ts';
import { overviewFileIn } from './layout.ts';
import { type OverviewRow, readOverview } from './overview.ts';

/**
 * Kind of record that was compared: the paper's (any version), synthetic data, or another one. The wording of verdicts
 * depends on it.
 */
export const RecordKind = z.enum(['paper', 'synthetic', 'other']);
export type RecordKind = z.infer<typeof RecordKind>;

/** Which record a run compared. */
export const Provenance = z.object({
  kind: RecordKind.describe(
    '`paper`: Zenodo record 15674785 or another version of it. `synthetic`: the record marks its images as synthetic, ' +
      'under whatever number it was served. `other`: any other record',
  ),
  title: z.string().optional().describe("The record's title, where the server gave one"),
});
export type Provenance = z.infer<typeof Provenance>;

/** Record numbers of the paper's data on Zenodo: the concept (all versions) and the versions known so far. */
const PAPER_NUMBERS: ReadonlySet<string> = new Set(['15674784', '15674785', '17735903']);

/** The `scanner` of a synthetic image. */
const SYNTHETIC_SCANNER = 'synthetic';

/** What is known about a record before its files are read. */
export interface RecordNumbers {
  readonly id: string;
  /** Number of its concept record (all versions). */
  readonly concept?: string | undefined;
  readonly title?: string | undefined;
}

/**
 * Determines which kind of record is in a data folder. Synthetic data is marked in the overview itself (column
 * `scanner`), so that the mark survives copies, mirrors and other record numbers.
 *
 * @param data - Absolute data folder. Without a readable overview, the record number decides.
 */
export async function readProvenance(data: string, record: RecordNumbers): Promise<Provenance> {
  const rows = await readOverview(await overviewFileIn(data)).catch(() => []);
  const { title } = record;
  return { kind: isSynthetic(rows) ? 'synthetic' : kindOfNumber(record), ...(title ? { title } : {}) };
}

/** Whether any image of the overview is marked as synthetic. */
export function isSynthetic(rows: readonly OverviewRow[]): boolean {
  return rows.some(({ facts }) => facts['scanner']?.trim().toLowerCase() === SYNTHETIC_SCANNER);
}

/** Returns the kind of a record according to its number. */
export function kindOfNumber({ id, concept }: RecordNumbers): Exclude<RecordKind, 'synthetic'> {
  return PAPER_NUMBERS.has(id) || (concept !== undefined && PAPER_NUMBERS.has(concept)) ? 'paper' : 'other';
}

/** Describes in a few words what was compared. */
export function comparedText({ kind, title }: Provenance, record: string): string {
  switch (kind) {
    case 'paper':
      return `Zenodo record ${record}`;
    case 'synthetic':
      return `synthetic sample data (record ${record}); this says nothing about the paper`;
    case 'other':
      return title === undefined ? `record ${record}` : `record ${record} ("${title}")`;
  }
}

/** Formats a verdict for display; verdicts on synthetic data always say so. */
export function verdictText(kind: RecordKind, verdict: Verdict): string {
  return kind === 'synthetic' ? `${verdict} (synthetic)` : verdict;
}
