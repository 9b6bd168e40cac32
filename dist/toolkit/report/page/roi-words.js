import { decimal } from './html.js';
/** A share for people: percent with two significant digits. */
export function percent(share) {
    return share === 0 ? '0 %' : `${(100 * share).toPrecision(2)} %`;
}
/** An ROI's verdict in a few words. */
export function saidOfRoi({ verdict, difference }) {
    if (difference === null)
        return verdict;
    return difference === 0 ? `${verdict}, nothing differs` : `${verdict}, ${percent(difference)} differ`;
}
/** What else is known of an ROI: its scores, or its points; why it cannot be compared. */
export function aboutRoi({ task }, roi) {
    const parts = [];
    if (roi.reason !== undefined)
        parts.push(roi.reason);
    if (task === 'he' && 'ours' in roi && roi.ours !== undefined) {
        parts.push(`Dice ${decimal(roi.ours)} (published ${decimal('published' in roi ? roi.published : null)})`);
    }
    const { comparison } = roi;
    if (comparison !== undefined && 'matched' in comparison) {
        parts.push(`${comparison.matched} points matched, ${comparison.extra} only ours, ${comparison.missing} only published`);
    }
    return parts.join('. ');
}
