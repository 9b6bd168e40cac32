const ENTITIES = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
};
/** Text as HTML shows it, in an element or an attribute. */
export function escapeHtml(text) {
    return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
/** A path as an address relative to the report. */
export function hrefOf(path) {
    return escapeHtml(path.split('/').map(encodeURIComponent).join('/'));
}
/** A number with four decimals, an en dash where there is none. */
export function decimal(value, places = 4) {
    return value === null || value === undefined ? '–' : value.toFixed(places).replace('-', '\u2212');
}
/** A table; the first cell of every row heads it. Cells are HTML. */
export function table(caption, head, rows) {
    const header = head.map((cell) => `<th scope="col">${cell}</th>`).join('');
    const body = rows.map(([first = '', ...cells]) => `<tr><th scope="row">${first}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`);
    return `<div class="wide" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table><caption>${escapeHtml(caption)}</caption><thead><tr>${header}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}
