import { taskNamed } from '../../tasks/task-named.ts';
import type { DetailTable } from '../../tasks/verdict-view.ts';
import type { JudgedTask } from '../report-data.ts';
import { decimal, type Html, html, NOTHING, table } from './html.ts';

/** Returns collapsed details of a task: other evaluations of its predictions, groups of ROIs, scores for research. */
export function detailsOf(task: JudgedTask): Html {
  const { otherReadings, researchScores } = taskNamed(task.task).view(task);
  const parts = [
    ...otherReadings.map(foldedTable),
    folded('By source, organ, specimen, histology and scanner', breakdownTable(task)),
    ...researchScores.map(foldedTable),
  ];
  return html`${parts}`;
}

function folded(summary: string, content: Html): Html {
  return content === NOTHING ? NOTHING : html`<details><summary>${summary}</summary>${content}</details>`;
}

function foldedTable({ summary, introduction, caption, head, rows }: DetailTable): Html {
  const before = introduction === undefined ? NOTHING : html`<p>${introduction}</p>`;
  return folded(summary, html`${before}${table(caption, head, rows)}`);
}

/** Returns the breakdown, with overall scores only; the verdict file has every class. */
function breakdownTable({ breakdown }: JudgedTask): Html {
  const isShown = (name: string) => name === 'Overall' || name.endsWith(', macro');
  const names = breakdown[0]?.metrics.map(({ name }) => name).filter(isShown) ?? [];
  if (names.length === 0) return NOTHING;
  const rows = breakdown.map(({ column, value, rois, patients, metrics }) => [
    `${column}: ${value}`.replaceAll('_', ' '),
    String(rois),
    String(patients),
    ...metrics.filter(({ name }) => isShown(name)).map(({ ours }) => decimal(ours)),
  ]);
  const head = ['', 'ROIs', 'patients', ...names.map((name) => name.replace(/, macro$/, '').replace('|', ' and '))];
  return table(
    'Scores of the reproduced predictions; descriptive only, since the groups are small and not drawn at random',
    head,
    rows,
  );
}
