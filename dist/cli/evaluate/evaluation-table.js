import { DetectionMetrics } from '../../toolkit/metrics/agreement-metrics.js';
import { HeMetrics } from '../../toolkit/metrics/he-metrics.js';
import { TISSUE_MEASURES } from '../../toolkit/verdict/tissue-measure.js';
/** The numbers of an evaluation, a line each: with their interval, and beside them those of the published predictions. */
export function evaluationTable(task, { metrics, published, intervals, }) {
    const rowsOf = (of) => task === 'he' ? tissueRows(HeMetrics.parse(of)) : cellRows(DetectionMetrics.parse(of));
    const rows = rowsOf(metrics);
    const beside = published === undefined ? undefined : new Map(rowsOf(published).map(({ name, value }) => [name, value]));
    const width = Math.max(...rows.map(({ label }) => label.length));
    const head = ['', task === 'he' ? 'Dice' : 'F1', '95 % interval', ...(beside ? ['published', 'difference'] : [])];
    const lines = rows.map(({ label, name, value }) => {
        const interval = intervals[name]?.oursInterval;
        const theirs = beside?.get(name) ?? null;
        return [
            label,
            value === null ? 'no image in common' : value.toFixed(4),
            interval === undefined ? '' : `${interval.low.toFixed(4)} to ${interval.high.toFixed(4)}`,
            ...(beside ? [theirs?.toFixed(4) ?? '', value === null || theirs === null ? '' : signed(value - theirs)] : []),
        ];
    });
    const widths = [width, 6, 16, 9, 10];
    return [head, ...lines].map((cells) => `  ${cells.map((cell, k) => cell.padEnd(widths[k] ?? 0)).join('  ')}`.trimEnd());
}
/** Background is no tissue: its truth is cleared before Dice is taken, so that its value is always 0. */
function tissueRows({ all, til }) {
    const values = {
        ...all.perClass,
        Overall: all.overall,
        ...Object.fromEntries(Object.entries(til.perClass).map(([name, value]) => [`TIL: ${name}`, value])),
        'TIL: Overall': til.overall,
    };
    return TISSUE_MEASURES.map((name) => ({ label: name, name, value: values[name] ?? null }));
}
/** Readers among each other first, a group after the other; these have no interval, for they are no prediction. */
function cellRows({ groups }) {
    return Object.entries(groups).flatMap(([group, { readers, f1 }]) => (f1['macro'] ?? []).flatMap((scores, i) => scores.flatMap((value, j) => i < j
        ? [
            {
                label: `${group}: ${readers[i]} | ${readers[j]}`,
                name: `${group}: ${readers[i]}|${readers[j]}, macro`,
                value,
            },
        ]
        : [])));
}
function signed(value) {
    return `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(4)}`;
}
