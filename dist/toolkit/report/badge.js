import { TASK_TITLES } from '../../config/tasks.js';
import { headlineOf } from './page/headline.js';
import { escapeHtml } from './page/html.js';
/** White on them has a contrast of 4.5:1 or more. */
const COLOURS = {
    reproduced: '#1d6b3a',
    'within tolerance': '#7a5200',
    differs: '#a3201d',
    'not comparable': '#565b66',
};
/** Width of a character of the badge's font on average, in px; the browser fits the text into it. */
const CHARACTER = 6.7;
const MARGIN = 8;
const HEIGHT = 20;
/** A badge for a readme or a page: which record was reproduced, how, and when. */
export function badge(data) {
    const { verdict } = headlineOf(data);
    const { record, ended } = data.summary;
    const left = `IGNITE record ${record}`;
    const right = `${verdict}${ended === undefined ? '' : `, ${ended.slice(0, 10)}`}`;
    const tasks = data.tasks.map((task) => `${TASK_TITLES[task.task]}: ${task.verdict}`).join('; ');
    const [first, second] = [left, right].map((text) => Math.round(text.length * CHARACTER) + 2 * MARGIN);
    const [from = 0, width = 0] = [first, second];
    const text = (words, x, room) => `<text x="${x + MARGIN}" y="14" textLength="${room - 2 * MARGIN}" lengthAdjust="spacingAndGlyphs">${escapeHtml(words)}</text>`;
    const label = escapeHtml(`${left}: ${right}. ${tasks}.`);
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${from + width}" height="${HEIGHT}" role="img" aria-label="${label}"><title>${label}</title><rect width="${from + width}" height="${HEIGHT}" rx="3" fill="#33373f"/><path d="M${from} 0H${from + width - 3}a3 3 0 0 1 3 3V17a3 3 0 0 1-3 3H${from}Z" fill="${COLOURS[verdict]}"/><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(left, 0, from)}${text(right, from, width)}</g></svg>\n`;
}
