import { ERRORS } from './errors.ts';

const COLUMNS = ['Code', 'Tried again', 'What to do'] as const;

/**
 * The closed set of errors as a Markdown table, in the order of `ERRORS`: code, whether another attempt may help,
 * the usual remedy.
 */
export function errorTable(): string {
  const rows = Object.entries(ERRORS).map(([code, { retryable, remedy }]) =>
    row([`\`${code}\``, retryable ? 'yes' : 'no', remedy]),
  );
  return [row(COLUMNS), row(COLUMNS.map(() => '---')), ...rows].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
