import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFile } from '../../config/package-files.js';
import { TASK_TITLES } from '../../config/tasks.js';
import { writeFileAtomic } from '../files/atomic-write.js';
import { badge } from './badge.js';
import { CONFIGURATION_FILE } from './configuration.js';
import { methodsText } from './methods.js';
import { citeSection } from './page/cite.js';
import { detailsOf } from './page/details.js';
import { factsSection, rerunCommand, tolerancesSection } from './page/facts.js';
import { figureGrid, STYLE_SWITCH, writeFigures } from './page/figures.js';
import { gallerySection } from './page/gallery.js';
import { headlineOf } from './page/headline.js';
import { escapeHtml } from './page/html.js';
import { failuresSection, ledgerSection, numbersOf, verdictSection, worstSection } from './page/sections.js';
import { VIEWER, viewerData } from './page/viewer.js';
const STATIC = ['report.css', 'report.js'];
/**
 * Writes report/index.html: a page that opens from disk and needs no network. All that it shows lies in report/ too.
 *
 * @param version - Of this package, which writes the page.
 */
export async function writePage(results, data, layers, version) {
    const report = join(results, 'report');
    for (const name of STATIC) {
        const content = await readFile(packageFile(`toolkit/report/page/static/${name}`));
        await writeFileAtomic(join(report, 'assets', name), content);
    }
    await writeFileAtomic(join(report, 'assets', 'badge.svg'), badge(data));
    await writeFileAtomic(join(report, 'assets', 'methods.txt'), `${methodsText(data).join('\n\n')}\n`);
    const sections = await Promise.all(data.tasks.map((task) => taskSection(results, task, layers)));
    await writeFileAtomic(join(report, 'index.html'), pageOf(data, sections, layers, version));
}
function pageOf(data, sections, layers, version) {
    const { record, profile } = data.summary;
    const { verdict, answer, sentence } = headlineOf(data);
    const links = [
        ...data.tasks.map(({ task }) => [task, TASK_TITLES[task]]),
        ['ledger', 'Discrepancy ledger'],
        ['facts', 'Run facts'],
        ['cite', 'How to cite'],
    ];
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(answer)} Record ${escapeHtml(record)}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="assets/report.css"></head><body>
<a class="skip" href="#main">To the verdict</a>
<header><h1>Does the technical validation of the IGNITE data toolkit reproduce?</h1>
<p class="answer" data-verdict="${verdict}">${escapeHtml(answer)}</p>
<p class="lead">${escapeHtml(sentence)} Record ${escapeHtml(record)}, profile ${escapeHtml(profile)}, run again and held against what was published.</p>
<nav aria-label="Sections"><ul>${links.map(([id, text]) => `<li><a href="#${id}">${escapeHtml(text)}</a></li>`).join('')}</ul></nav></header>
<main id="main">
<section aria-label="Verdict"><div class="first"><div><h2 class="plain">What differs most</h2>${worstSection(data, layers)}</div>
<div><h2 class="plain">Run it again</h2><pre>${escapeHtml(rerunCommand(data))}</pre><p class="note">${whereIsProfile(data)}Interrupt it as you like: the same command goes on where it was.</p></div></div>
${verdictSection(data)}${tolerancesSection(data)}${failuresSection(data)}</section>
${STYLE_SWITCH}
${sections.join('\n')}
<section><h2 id="ledger">Discrepancy ledger</h2><p>Where the authors' code or record does something else than one would expect. Each effect was measured in this run; the paper's numbers follow the paper's way throughout.</p>${ledgerSection(data)}</section>
<section><h2 id="facts">Run facts</h2>${factsSection(data)}</section>
<section><h2 id="cite">How to cite</h2>${citeSection(data, version)}</section>
</main><footer>Written by reignite ${escapeHtml(version)}. Digests of every file: manifest.sha256 of the results folder.</footer>
${VIEWER}
<script type="application/json" id="viewer-data">${viewerData(data.tasks, layers)}</script>
<script src="assets/report.js"></script></body></html>
`;
}
/** A run of one's own configuration is done again with the profile that lies in the results folder. */
function whereIsProfile(data) {
    if (!rerunCommand(data).includes(CONFIGURATION_FILE))
        return '';
    return `${CONFIGURATION_FILE} lies in the results folder, beside report/. `;
}
async function taskSection(results, task, layers) {
    const title = escapeHtml(TASK_TITLES[task.task]);
    return `<section><h2 id="${task.task}">${title} <span class="tag" data-verdict="${task.verdict}">${task.verdict}</span></h2>
${numbersOf(task)}${detailsOf(task)}
<h3>Figures over all ROIs</h3>${figureGrid(await writeFigures(results, task))}
<h3>ROIs</h3>${gallerySection(task, layers)}</section>`;
}
