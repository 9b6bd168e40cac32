import type { JudgedTask } from '../report-data.ts';
import { decimal, type Html, html, NOTHING, table } from './html.ts';

/** What else is known of a task, folded: other readings of its numbers, groups of ROIs, the tumour proportion score. */
export function detailsOf(task: JudgedTask): Html {
  const own =
    task.task === 'he'
      ? [folded('The two predictions against each other', betweenTable(task))]
      : [folded('F1 when equal distances are taken in the order of the file', lowestIndexTable(task))];
  const proportion = task.task === 'he' ? undefined : task.tumourProportion;
  const parts = [
    ...own,
    folded('By source, organ, specimen, histology and scanner', breakdownTable(task)),
    ...(proportion === undefined
      ? []
      : [folded('Tumour proportion score (for research only)', proportionTable(proportion))]),
  ];
  return html`${parts}`;
}

function folded(summary: string, content: Html): Html {
  return content === NOTHING ? NOTHING : html`<details><summary>${summary}</summary>${content}</details>`;
}

type Tissue = Extract<JudgedTask, { task: 'he' }>;
type Cells = Exclude<JudgedTask, Tissue>;

function betweenTable({ dice }: Tissue): Html {
  const rows = dice.between
    .filter(({ truth }) => truth === undefined || truth > 0)
    .map(({ name, truth, ours }) => [name, String(truth ?? ''), decimal(ours, 6)]);
  return table('Dice of our masks with the published ones, whatever the truth', ['', 'published pixels', 'Dice'], rows);
}

function lowestIndexTable({ f1LowestIndex }: Cells): Html {
  const rows = f1LowestIndex
    .filter(({ name }) => name.endsWith(', macro'))
    .map(({ name, published, ours, difference }) => [name, decimal(published), decimal(ours), decimal(difference, 6)]);
  return table('A difference that this order explains is not judged', ['', 'published', 'ours', 'difference'], rows);
}

/** Overall scores alone: the verdict's file has every class. */
function breakdownTable({ breakdown }: JudgedTask): Html {
  const isShown = (name: string) => name === 'Overall' || name.endsWith(', macro');
  const names = breakdown[0]?.metrics.map(({ name }) => name).filter(isShown) ?? [];
  if (names.length === 0) return NOTHING;
  const rows = breakdown.map(({ column, value, rois, patients, metrics }) => [
    `${column.replaceAll('_', ' ')}: ${value}`,
    String(rois),
    String(patients),
    ...metrics.filter(({ name }) => isShown(name)).map(({ ours }) => decimal(ours)),
  ]);
  const head = ['', 'ROIs', 'patients', ...names.map((name) => name.replace(/, macro$/, ''))];
  return table('Our scores; descriptive only, since groups are small and not drawn at random', head, rows);
}

function proportionTable({ definition, readers }: NonNullable<Cells['tumourProportion']>): Html {
  const rows = readers.map((each) => [
    each.reader,
    String(each.rois),
    decimal(each.meanDifference, 1),
    decimal(each.meanAbsoluteDifference, 1),
    decimal(each.publishedMeanDifference, 1),
    `${each.sameCategory} of ${each.rois}`,
  ]);
  const head = [
    '',
    'images',
    'AI minus reader, mean',
    'mean absolute',
    'published AI minus reader',
    'same of < 1, 1 to 49, ≥ 50 %',
  ];
  return html`<p>${definition} In percentage points.</p>${table('The AI against every reader', head, rows)}`;
}
