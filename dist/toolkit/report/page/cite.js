import { methodsText } from '../methods.js';
import { escapeHtml } from './html.js';
/** What to name when these results are used. */
export function citations({ summary, environments }, version) {
    const { record, run, digest, ended } = summary;
    const used = environments[0]?.reignite ?? version;
    const doi = /^\d{5,}$/.test(record) ? ` https://doi.org/10.5281/zenodo.${record}.` : '';
    return [
        `The data: IGNITE data toolkit, Zenodo, record ${record}.${doi} CC BY-NC-SA 4.0.`,
        'The paper: the IGNITE data toolkit, arXiv:2507.16855. https://arxiv.org/abs/2507.16855',
        `This reproduction: reignite ${used}, run ${run}, configuration ${digest}${ended === undefined ? '' : `, ${ended.slice(0, 10)}`}.`,
    ];
}
export function citeSection(data, version) {
    const items = citations(data, version).map((text) => `<li>${linked(escapeHtml(text))}</li>`);
    const methods = methodsText(data).map((text) => `<p>${escapeHtml(text)}</p>`);
    return `<ul>${items.join('')}</ul><p><img src="assets/badge.svg" alt="Badge with the verdict and its date"> The badge: <a href="assets/badge.svg">assets/badge.svg</a></p><details><summary>Methods, for a paper</summary>${methods.join('')}<p class="note">Also as text: <a href="assets/methods.txt">assets/methods.txt</a></p></details>`;
}
function linked(html) {
    return html.replaceAll(/https:\/\/[^\s<]+?(?=\.?(\s|$))/g, (url) => `<a href="${url}">${url}</a>`);
}
