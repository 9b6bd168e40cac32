import { TASK_TITLES } from '../../../config/tasks.js';
import { MOST_VIEWED } from '../layers/layer-budget.js';
import { escapeHtml, hrefOf } from './html.js';
import { aboutRoi, saidOfRoi } from './roi-words.js';
const BY_DICE = {
    lowest: 'lowest Dice first',
    highest: 'highest Dice first',
    change: 'largest change of Dice first',
};
/**
 * A card an ROI, worst first: its image, with our mask and the differing pixels laid over it. The card opens the viewer;
 * without a script it opens the image.
 */
export function gallerySection(task, layers) {
    const byRoi = new Map(layers.filter((each) => each.task === task.task).map((each) => [each.roi, each]));
    const ordered = [...task.rois].sort((a, b) => (b.difference ?? -1) - (a.difference ?? -1));
    const cards = ordered.slice(0, MOST_VIEWED).map((judged) => cardOf(task, judged, byRoi.get(judged.roi)));
    const left = ordered.length - cards.length;
    const more = left === 0
        ? ''
        : `<p class="note">${left} ROIs that differ less are not shown; verdict/${task.task}.json has all.</p>`;
    const id = `gallery-${task.task}`;
    const byDice = task.task === 'he' ? BY_DICE : {};
    const orders = { difference: 'most different first', ...byDice, name: 'by name' };
    const options = Object.entries(orders).map(([value, text]) => `<option value="${value}">${text}</option>`);
    return `<div class="bar" data-for="${id}"><label>Order <select>${options.join('')}</select></label><label>Only names with <input type="search" size="16"></label><output></output></div>
<ul class="gallery" id="${id}" aria-label="ROIs of ${escapeHtml(TASK_TITLES[task.task])}">${cards.join('')}</ul>${more}`;
}
function cardOf(task, judged, layers) {
    const { roi, verdict, difference } = judged;
    const name = escapeHtml(roi);
    const [ours, published] = 'ours' in judged ? [judged.ours ?? 1, judged.published ?? 1] : [1, 1];
    const picture = pictureOf(task, roi, layers);
    return `<li data-roi="${name}" data-difference="${difference ?? -1}" data-ours="${ours}" data-change="${ours - published}">${picture}<div class="about"><strong>${name}</strong><br><span class="tag" data-verdict="${verdict}">${escapeHtml(saidOfRoi(judged))}</span><br>${escapeHtml(aboutRoi(task, judged))}</div></li>`;
}
function pictureOf({ task }, roi, layers) {
    if (layers === undefined)
        return '';
    const { image, ours, differ } = layers.files;
    const name = escapeHtml(roi);
    const first = image ?? ours;
    if (first === undefined)
        return '';
    const shown = [image, ours, differ].flatMap((file, k) => file === undefined
        ? []
        : [
            `<img loading="lazy" src="${hrefOf(file)}" alt="${file === first ? `${name}: image and prediction` : ''}"${k === 1 && task === 'he' ? ' class="mask"' : ''}>`,
        ]);
    return `<a class="stack" href="${hrefOf(first)}" data-view="${task}/${name}">${shown.join('')}</a>`;
}
