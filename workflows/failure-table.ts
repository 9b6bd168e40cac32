import type { NamedFailure } from './failure-code.ts';
import { markdownTable } from './progress.ts';

/** What is shown of a page; all of them are in the summary. */
const SHOWN = 20;

export interface FailedItem extends NamedFailure {
  /** An ROI, an image. */
  readonly item: string;
}

/** What failed and what can be done about it, as Markdown below a table of progress; nothing where nothing failed. */
export function failureTable(failures: readonly FailedItem[]): string[] {
  if (failures.length === 0) return [];
  const rows = failures.slice(0, SHOWN).map(({ item, code, cause, remedy = '' }) => [item, code, cause, remedy]);
  const more = failures.length - rows.length;
  return [
    '',
    '**Failed**',
    '',
    markdownTable(['What', 'Code', 'Cause', 'What to do'], rows),
    ...(more === 0 ? [] : ['', `... and ${more} more.`]),
  ];
}
