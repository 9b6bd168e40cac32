import { decimal, escapeHtml, table } from './html.js';
/** What else is known of a task, folded: other readings of its numbers, groups of ROIs, the tumour proportion score. */
export function detailsOf(task) {
    const own = task.task === 'he'
        ? [folded('The two predictions against each other', betweenTable(task))]
        : [folded('F1 when equal distances are taken in the order of the file', lowestIndexTable(task))];
    const proportion = task.task === 'he' ? undefined : task.tumourProportion;
    return [
        ...own,
        folded('By source, organ, specimen, histology and scanner', breakdownTable(task)),
        ...(proportion === undefined
            ? []
            : [folded('Tumour proportion score (for research only)', proportionTable(proportion))]),
    ].join('');
}
function folded(summary, content) {
    return content === '' ? '' : `<details><summary>${escapeHtml(summary)}</summary>${content}</details>`;
}
function betweenTable({ dice }) {
    const rows = dice.between
        .filter(({ truth }) => truth === undefined || truth > 0)
        .map(({ name, truth, ours }) => [escapeHtml(name), String(truth ?? ''), decimal(ours, 6)]);
    return table('Dice of our masks with the published ones, whatever the truth', ['', 'published pixels', 'Dice'], rows);
}
function lowestIndexTable({ f1LowestIndex }) {
    const rows = f1LowestIndex
        .filter(({ name }) => name.endsWith(', macro'))
        .map(({ name, published, ours, difference }) => [
        escapeHtml(name),
        decimal(published),
        decimal(ours),
        decimal(difference, 6),
    ]);
    return table('A difference that this order explains is not judged', ['', 'published', 'ours', 'difference'], rows);
}
/** Overall scores alone: the verdict's file has every class. */
function breakdownTable({ breakdown }) {
    const isShown = (name) => name === 'Overall' || name.endsWith(', macro');
    const names = breakdown[0]?.metrics.map(({ name }) => name).filter(isShown) ?? [];
    if (names.length === 0)
        return '';
    const rows = breakdown.map(({ column, value, rois, patients, metrics }) => [
        escapeHtml(`${column.replaceAll('_', ' ')}: ${value}`),
        String(rois),
        String(patients),
        ...metrics.filter(({ name }) => isShown(name)).map(({ ours }) => decimal(ours)),
    ]);
    const head = ['', 'ROIs', 'patients', ...names.map((name) => escapeHtml(name.replace(/, macro$/, '')))];
    return table('Our scores; descriptive only, since groups are small and not drawn at random', head, rows);
}
function proportionTable({ definition, readers }) {
    const rows = readers.map((each) => [
        escapeHtml(each.reader),
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
        'same of &lt; 1, 1 to 49, ≥ 50 %',
    ];
    return `<p>${escapeHtml(definition)} In percentage points.</p>${table('The AI against every reader', head, rows)}`;
}
