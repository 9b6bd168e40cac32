import { patientOf, rowOf } from './patients.js';
/** Columns of the overview by which results are broken down. */
const COLUMNS = ['source', 'organ', 'specimen_type', 'histological_subtype', 'scanner'];
/**
 * Numbers by source, organ, specimen, histology and scanner: descriptive only, since groups are small and not drawn
 * at random.
 *
 * @param names - Of the numbers that `measure` makes.
 */
export function breakdownOf(rois, overview, names, measure) {
    const known = rois.map((counts) => {
        return { ...counts, facts: rowOf(overview, counts.roi)?.facts, patient: patientOf(overview, counts.roi) };
    });
    return COLUMNS.flatMap((column) => {
        return [...groupsOf(known, ({ facts }) => facts?.[column]?.trim() || 'not given')]
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([value, members]) => {
            const theirs = measure(sum(members.map(({ published }) => published)));
            const mine = measure(sum(members.map(({ ours }) => ours)));
            return {
                column,
                value,
                rois: members.length,
                patients: new Set(members.map(({ patient }) => patient)).size,
                metrics: names.map((name, k) => ({ name, published: theirs[k] ?? null, ours: mine[k] ?? null })),
            };
        });
    });
}
function groupsOf(items, keyOf) {
    const groups = new Map();
    for (const item of items) {
        const key = keyOf(item);
        const group = groups.get(key);
        if (group === undefined)
            groups.set(key, [item]);
        else
            group.push(item);
    }
    return groups;
}
function sum(all) {
    const total = new Float64Array(all[0]?.length ?? 0);
    for (const counts of all)
        for (let k = 0; k < total.length; k++)
            total[k] = (total[k] ?? 0) + (counts[k] ?? 0);
    return total;
}
