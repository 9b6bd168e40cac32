import { TASK_TITLES } from '../../../config/tasks.js';
import { decimal, escapeHtml, hrefOf, table } from './html.js';
import { percent } from './roi-words.js';
/** The verdicts, a card a task: what a reader came for. */
export function verdictSection({ tasks }) {
    const cards = tasks.map((task) => `<li data-verdict="${task.verdict}"><h3><a href="#${task.task}">${escapeHtml(TASK_TITLES[task.task])}</a></h3>
<p class="said">${task.verdict}</p>
<p><strong>Published predictions, scored here:</strong> ${task.evaluation.verdict}. ${escapeHtml(task.evaluation.reason)}</p>
<p><strong>Our predictions beside them:</strong> ${task.inference.verdict}. ${escapeHtml(task.inference.reason)}</p></li>`);
    return `<ul class="verdicts">${cards.join('')}</ul>`;
}
/** ROIs named where it is said what differs most. */
const MOST_NAMED = 5;
/** What differs most, over all tasks. */
export function worstSection({ tasks }, layers) {
    const viewed = new Map(layers.map(({ task, roi, files }) => [`${task}/${roi}`, files.image ?? files.ours]));
    const worst = tasks
        .flatMap((task) => task.worst.map((roi) => ({ ...roi, task: task.task })))
        .sort((a, b) => b.difference - a.difference);
    if (worst.length === 0) {
        return tasks.every(({ verdict }) => verdict === 'not comparable')
            ? '<p>Nothing could be compared.</p>'
            : '<p>Nothing: every pixel and every point that could be compared is the published one.</p>';
    }
    const items = worst
        .slice(0, MOST_NAMED)
        .map(({ roi, task, difference }) => `<li>${named(roi, `${task}/${roi}`, viewed)}: ${percent(difference)} of its ${task === 'he' ? 'pixels' : 'points'}</li>`);
    const more = worst.length > MOST_NAMED ? `<p class="note">and ${worst.length - MOST_NAMED} more</p>` : '';
    return `<ol>${items.join('')}</ol>${more}`;
}
/** An ROI's name; a link to its viewer where it has one. */
function named(roi, key, viewed) {
    const file = viewed.get(key);
    const name = escapeHtml(roi);
    return file === undefined ? name : `<a href="${hrefOf(file)}" data-view="${escapeHtml(key)}">${name}</a>`;
}
/** A task's numbers: published, ours, difference, interval. */
export function numbersOf(task) {
    const warnings = task.warnings.map((warning) => `<p class="note">${escapeHtml(warning)}</p>`).join('');
    if (task.task === 'he') {
        return [
            metricsTable('Dice, all classes', task.dice.all),
            metricsTable('Dice, TIL use case', task.dice.til),
            warnings,
        ].join('');
    }
    const ranges = task.readers.map(({ group, lowest, highest }) => `<p class="note">Readers of ${escapeHtml(group)} agree with each other at a macro F1 of ${decimal(lowest)} to ${decimal(highest)}.</p>`);
    return [metricsTable('F1 of every reader with the AI', task.f1), ...ranges, warnings].join('');
}
function metricsTable(caption, metrics) {
    const rows = metrics.map((metric) => [
        escapeHtml(metric.name) + (metric.judged ? '' : ' <span class="note">(not judged)</span>'),
        decimal(metric.published),
        decimal(metric.ours),
        intervalText(metric.oursInterval),
        decimal(metric.difference, 6),
        intervalText(metric.differenceInterval, 6),
    ]);
    const head = ['', 'published', 'ours', '95 % interval', 'difference', '95 % interval'];
    return table(caption, head, rows);
}
function intervalText(interval, places = 4) {
    return interval === undefined ? '–' : `${decimal(interval.low, places)} to ${decimal(interval.high, places)}`;
}
/** What the authors' code and record do otherwise than one would expect, with its effect in this run. */
export function ledgerSection({ ledger }) {
    const entries = ledger.map(({ title, what, where, status, effect, corrected, affected, affectedTotal }) => {
        const numbers = corrected
            .slice(0, 40)
            .map(({ name, paper, corrected: other }) => [escapeHtml(name), decimal(paper), decimal(other)]);
        const listed = affected.slice(0, 20).map(escapeHtml).join(', ');
        const more = affectedTotal > 20 ? ` and ${affectedTotal - 20} more` : '';
        return `<details><summary>${escapeHtml(title)} <span class="note">${status}</span></summary>
<p>${escapeHtml(what)}</p><p class="note">Where: ${escapeHtml(where)}</p><p><strong>In this run:</strong> ${escapeHtml(effect)}</p>
${numbers.length === 0 ? '' : table('Both ways', ['', 'paper', 'corrected'], numbers)}
${listed === '' ? '' : `<p class="note">Concerned: ${listed}${more}</p>`}</details>`;
    });
    return entries.length === 0 ? '<p>No ledger was kept.</p>' : entries.join('');
}
/** ROIs that failed, with code and cause. */
export function failuresSection({ summary }) {
    const rows = Object.entries(summary.tasks).flatMap(([task, { failures }]) => failures.map(({ roi, code, cause }) => [escapeHtml(roi), task, code, escapeHtml(cause)]));
    return rows.length === 0 ? '' : table('ROIs that failed', ['', 'task', 'code', 'cause'], rows);
}
