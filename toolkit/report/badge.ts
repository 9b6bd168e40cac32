import { TASK_TITLES } from '../../config/tasks.ts';
import { type RecordKind, verdictText } from '../dataset/provenance.ts';
import type { Verdict } from '../verdict/verdict-file.ts';
import { headlineOf } from './page/headline.ts';
import { type Html, html } from './page/html.ts';
import type { ReportData } from './report-data.ts';

/** White text on these colours has a contrast of at least 4.5:1. */
const COLOURS: Readonly<Record<Verdict, string>> = {
  reproduced: '#1d6b3a',
  'within tolerance': '#7a5200',
  differs: '#a3201d',
  'not comparable': '#565b66',
};

/** Average width of a character of the badge's font in px; the browser fits the text to it. */
const CHARACTER = 6.7;
const MARGIN = 8;
const HEIGHT = 20;
const MAX_RECORD_LENGTH = 40;

/** Left text of the badge, by kind of record. */
const SUBJECTS: Readonly<Record<RecordKind, (record: string) => string>> = {
  paper: (record) => `IGNITE record ${record}`,
  synthetic: () => 'reignite synthetic sample',
  other: (record) => `record ${record}`,
};

/**
 * Draws a badge for a readme or a page, with what was compared, the verdict and the date. It is grey for synthetic
 * data.
 */
export function badge(data: ReportData): Html {
  const { verdict } = headlineOf(data);
  const { kind } = data.provenance;
  const { record, ended } = data.summary;
  const left = SUBJECTS[kind](record.slice(0, MAX_RECORD_LENGTH));
  const right = `${verdictText(kind, verdict)}${ended === undefined ? '' : `, ${ended.slice(0, 10)}`}`;
  const tasks = data.tasks.map((task) => `${TASK_TITLES[task.task]}: ${verdictText(kind, task.verdict)}`).join('; ');
  const widthOf = (words: string) => Math.round(words.length * CHARACTER) + 2 * MARGIN;
  const [from, width] = [widthOf(left), widthOf(right)];
  const text = (words: string, x: number, room: number) =>
    html`<text x="${x + MARGIN}" y="14" textLength="${room - 2 * MARGIN}" lengthAdjust="spacingAndGlyphs">${words}</text>`;
  const label = `${left}: ${right}. ${tasks}.`;
  const colour = kind === 'synthetic' ? COLOURS['not comparable'] : COLOURS[verdict];
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${from + width}" height="${HEIGHT}" role="img" aria-label="${label}"><title>${label}</title><rect width="${from + width}" height="${HEIGHT}" rx="3" fill="#33373f"/><path d="M${from} 0H${from + width - 3}a3 3 0 0 1 3 3V17a3 3 0 0 1-3 3H${from}Z" fill="${colour}"/><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(left, 0, from)}${text(right, from, width)}</g></svg>
`;
}
