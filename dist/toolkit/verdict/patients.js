import { parse } from 'node:path';
const WITH_CONTEXT = '_with_context';
/** Rows by the stem of their image; the first of several. */
export function overviewByStem(rows) {
    const byStem = new Map();
    for (const row of rows) {
        const stem = parse(row.imagePath).name;
        if (!byStem.has(stem))
            byStem.set(stem, row);
    }
    return byStem;
}
/** The row of an ROI; H&E results are named after the image with context, the overview after that without. */
export function rowOf(overview, roi) {
    return overview.get(roi) ?? overview.get(roi.endsWith(WITH_CONTEXT) ? roi.slice(0, -WITH_CONTEXT.length) : roi);
}
/** The patient of an ROI; one that the overview does not know is a patient of its own. */
export function patientOf(overview, roi) {
    const id = rowOf(overview, roi)?.facts['patient_id']?.trim();
    return id === undefined || id === '' ? `image ${roi}` : id;
}
/** Sums the counts of each patient's ROIs; patients by id, in the order of code points. */
export function countsByPatient(rois, overview) {
    const patients = new Map();
    for (const { roi, published, ours } of rois) {
        const id = patientOf(overview, roi);
        const known = patients.get(id);
        if (known === undefined) {
            patients.set(id, { rois: [roi], published: Float64Array.from(published), ours: Float64Array.from(ours) });
        }
        else {
            known.rois.push(roi);
            add(known.published, published);
            add(known.ours, ours);
        }
    }
    return [...patients]
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map(([id, counts]) => ({ id, ...counts }));
}
function add(sum, counts) {
    for (let k = 0; k < sum.length; k++)
        sum[k] = (sum[k] ?? 0) + (counts[k] ?? 0);
}
