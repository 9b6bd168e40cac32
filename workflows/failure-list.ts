import type { NamedFailure } from './failure-code.ts';

/** What is shown of a page; all of them are in the summary. */
const SHOWN = 20;

export interface FailedItem extends NamedFailure {
  /** An ROI, an image. */
  readonly item: string;
}

/**
 * What failed and what can be done about it, as Markdown below a table of progress; nothing where nothing failed. A list:
 * the UI's panel is too narrow for a table with sentences in it.
 */
export function failureList(failures: readonly FailedItem[]): string[] {
  if (failures.length === 0) return [];
  const lines = failures.slice(0, SHOWN).map(({ item, code, cause, remedy = '' }) => {
    return `- **${item}** \`${code}\`: ${`${cause} ${remedy}`.trim().replaceAll(/\s*\n\s*/g, ' ')}`;
  });
  const more = failures.length - lines.length;
  return ['', '**Failed**', '', ...lines, ...(more === 0 ? [] : [`- ... and ${more} more.`])];
}
