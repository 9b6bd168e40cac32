import { z } from 'zod';
import type { Verdict } from '../verdict/verdict-file.ts';
import { overviewFileIn } from './find-files.ts';
import { type OverviewRow, readOverview } from './overview.ts';

/**
 * What was compared: the paper's record (any of its versions), synthetic data, or another record. Every sentence about a
 * verdict depends on it.
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

/** The concept number (all versions) of the paper's record, and the versions known so far. */
const PAPER_NUMBERS: ReadonlySet<string> = new Set(['15674784', '15674785', '17735903']);

/** The `scanner` of an image that no scanner made. */
const SYNTHETIC_SCANNER = 'synthetic';

/** What is known of a record before its files are looked at. */
export interface RecordNumbers {
  readonly id: string;
  /** Its concept number (all versions). */
  readonly concept?: string | undefined;
  readonly title?: string | undefined;
}

/**
 * Says which kind of record is in a data folder. The mark of synthetic data is in the overview itself (column
 * `scanner`), so that it travels with the files: a copy, a mirror or another record number cannot lose it.
 *
 * @param data - Absolute data folder. Without a readable overview the number decides.
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

/** The kind of a record by its number. */
export function kindOfNumber({ id, concept }: RecordNumbers): Exclude<RecordKind, 'synthetic'> {
  return PAPER_NUMBERS.has(id) || (concept !== undefined && PAPER_NUMBERS.has(concept)) ? 'paper' : 'other';
}

/** What was compared, in a few words. */
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

/** A verdict as every line shows it: on synthetic data never without that word. */
export function verdictText(kind: RecordKind, verdict: Verdict): string {
  return kind === 'synthetic' ? `${verdict} (synthetic)` : verdict;
}
