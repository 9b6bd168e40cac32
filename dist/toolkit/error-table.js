import { ERRORS } from './errors.js';
const COLUMNS = ['Code', 'Tried again', 'What to do'];
/**
 * The closed set of errors as a Markdown table, in the order of `ERRORS`: code, whether another attempt may help,
 * the usual remedy.
 */
export function errorTable() {
    const rows = Object.entries(ERRORS).map(([code, { retryable, remedy }]) => row([`\`${code}\``, retryable ? 'yes' : 'no', remedy]));
    return [row(COLUMNS), row(COLUMNS.map(() => '---')), ...rows].join('\n');
}
function row(cells) {
    return `| ${cells.join(' | ')} |`;
}
