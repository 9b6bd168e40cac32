import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TASK_TITLES } from '../../config/tasks.ts';
import { comparedText, type RecordKind, verdictText } from '../dataset/provenance.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { RESULTS, reportFolder } from '../results/results-folder.ts';
import { badge } from './badge.ts';
import type { RoiLayers } from './layers/layers-file.ts';
import { methodsText } from './methods.ts';
import { citeSection } from './page/cite.ts';
import { detailsOf } from './page/details.ts';
import { factsSection, rerunCommand, tolerancesSection } from './page/facts.ts';
import { figureGrid, STYLE_SWITCH, writeFigures } from './page/figures.ts';
import { gallerySection } from './page/gallery.ts';
import { headlineOf } from './page/headline.ts';
import { type Html, html, NOTHING } from './page/html.ts';
import { discrepanciesSection, failuresSection, numbersOf, verdictSection, worstSection } from './page/sections.ts';
import { spotChecks } from './page/spot-checks.ts';
import { writePageAssets } from './page/standalone-page.ts';
import { VIEWER, viewerData } from './page/viewer.ts';
import type { JudgedTask, ReportData } from './report-data.ts';

/**
 * Writes report/index.html, a page that opens from disk and needs no network. Everything that it shows is in report/.
 *
 * @param version - Version of this package.
 */
export async function writePage(
  results: string,
  data: ReportData,
  layers: readonly RoiLayers[],
  version: string,
): Promise<void> {
  const report = reportFolder(results);
  await writePageAssets(results);
  await writeFileAtomic(join(report, 'assets', 'badge.svg'), String(badge(data)));
  await writeMethods(join(report, 'assets', 'methods.txt'), methodsText(data));
  const sections = await Promise.all(
    data.tasks.map((task) => taskSection(results, task, layers, data.provenance.kind)),
  );
  await writeFileAtomic(join(report, 'index.html'), String(pageOf(data, sections, layers, version)));
}

/** Writes the methods text, or deletes that of an earlier report if there is none now. */
async function writeMethods(path: string, paragraphs: readonly string[]): Promise<void> {
  if (paragraphs.length === 0) await rm(path, { force: true });
  else await writeFileAtomic(path, `${paragraphs.join('\n\n')}\n`);
}

function pageOf(data: ReportData, sections: readonly Html[], layers: readonly RoiLayers[], version: string): Html {
  const { provenance, summary } = data;
  const { verdict, question, answer, sentence } = headlineOf(data);
  const links = [
    ...data.tasks.map(({ task }) => [task, TASK_TITLES[task]] as const),
    ['discrepancies', 'Discrepancy report'] as const,
    ['facts', 'Run facts'] as const,
    ['cite', 'How to cite'] as const,
  ];
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${answer}${provenance.kind === 'synthetic' ? '' : ` ${comparedText(provenance, summary.record)}`}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="assets/report.css"></head><body>
<a class="skip" href="#main">Skip to the verdict</a>
<header>${banner(data)}<h1>${question}</h1>
<p class="answer" data-verdict="${provenance.kind === 'synthetic' ? 'synthetic' : verdict}">${answer}</p>
<p class="lead">${sentence} Profile: ${summary.profile}. Compared with: ${comparedText(provenance, summary.record)}.</p>
<nav aria-label="Sections"><ul>${links.map(([id, text]) => html`<li><a href="#${id}">${text}</a></li>`)}</ul></nav></header>
<main id="main">
<section aria-label="Verdict"><div class="first"><div><h2 class="plain">What differs most</h2>${worstSection(data, layers)}</div>
<div><h2 class="plain">Run it again</h2><pre>${rerunCommand(data)}</pre><p class="note">${whereIsProfile(data)}Interrupt it at any time: the same command resumes the run.</p></div></div>
${verdictSection(data)}${tolerancesSection(data)}${failuresSection(data)}</section>
${STYLE_SWITCH}
${sections}
<section><h2 id="discrepancies">Discrepancy report</h2><p>Where the authors' code, the paper and the record disagree. Effects were measured in this run${provenance.kind === 'synthetic' ? ', on synthetic data' : ''}, unless an entry says otherwise; the numbers above follow the authors' code throughout.</p>${discrepanciesSection(data)}</section>
<section><h2 id="facts">Run facts</h2>${factsSection(data)}</section>
<section><h2 id="cite">How to cite</h2>${citeSection(data, version)}</section>
</main><footer>Written by reignite ${version}. SHA-256 of every file: manifest.sha256 of the results folder.</footer>
${VIEWER}
${viewerData(data.tasks, layers, provenance.kind)}
<script src="assets/report.js"></script></body></html>
`;
}

/** Returns the warning at the top of the page that the data are synthetic. */
function banner({ provenance }: ReportData): Html {
  if (provenance.kind !== 'synthetic') return NOTHING;
  return html`<p class="banner" role="note"><strong>Synthetic data.</strong> The record marks its images as synthetic: there is no tissue, no patient and no reader behind these numbers. They test the pipeline and say nothing about the paper.</p>
`;
}

/** Says where the profile is, if the run is repeated with the one in the results folder. */
function whereIsProfile(data: ReportData): string {
  if (!rerunCommand(data).includes(RESULTS.configuration.path)) return '';
  return `${RESULTS.configuration.path} is in the results folder, next to report/. `;
}

async function taskSection(
  results: string,
  task: JudgedTask,
  layers: readonly RoiLayers[],
  kind: RecordKind,
): Promise<Html> {
  const figures = figureGrid(await writeFigures(results, task));
  return html`<section><h2 id="${task.task}">${TASK_TITLES[task.task]} <span class="tag" data-verdict="${task.verdict}">${verdictText(kind, task.verdict)}</span></h2>
<h3>Figures over all ROIs</h3>${figures}
${spotChecks(
  layers.filter((each) => each.task === task.task),
  { published: 'published', ours: 'reproduced' },
)}
<h3>Numbers</h3>${numbersOf(task)}${detailsOf(task)}
<h3>ROIs</h3>${gallerySection(task, layers, kind)}</section>`;
}
