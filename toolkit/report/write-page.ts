import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TASK_TITLES } from '../../config/tasks.ts';
import { comparedText, type RecordKind, verdictText } from '../dataset/provenance.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { RESULTS, reportFolder } from '../results/results-folder.ts';
import type { Verdict } from '../verdict/verdict-file.ts';
import type { RoiLayers } from './layers/layers-file.ts';
import { methodsText } from './methods.ts';
import { factsSection, rerunCommand, tolerancesSection } from './page/facts.ts';
import { figureGrid, STYLE_SWITCH, writeFigures } from './page/figures.ts';
import { gallerySection, spotChecks } from './page/gallery.ts';
import { headlineOf } from './page/headline.ts';
import { type Html, html, NOTHING } from './page/html.ts';
import {
  citeSection,
  detailsOf,
  discrepanciesSection,
  failuresSection,
  numbersOf,
  verdictSection,
  worstSection,
} from './page/sections.ts';
import { VIEWER, viewerData, writePageAssets } from './page/standalone-page.ts';
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

/** White text on these colours has a contrast of at least 4.5:1. */
const COLOURS: Readonly<Record<Verdict, string>> = {
  reproduced: '#1d6b3a',
  'within tolerance': '#7a5200',
  differs: '#a3201d',
  'not comparable': '#565b66',
};

/** Average width of a character of the badge's font in px; the browser fits the text to it. */
const CHARACTER = 6.7;
const MARGIN = 8;
const HEIGHT = 20;
const MAX_RECORD_LENGTH = 40;

/** Left text of the badge, by kind of record. */
const SUBJECTS: Readonly<Record<RecordKind, (record: string) => string>> = {
  paper: (record) => `IGNITE record ${record}`,
  synthetic: () => 'reignite synthetic sample',
  other: (record) => `record ${record}`,
};

/**
 * Draws a badge for a readme or a page, with what was compared, the verdict and the date. It is grey for synthetic
 * data.
 */
export function badge(data: ReportData): Html {
  const { verdict } = headlineOf(data);
  const { kind } = data.provenance;
  const { record, ended } = data.summary;
  const left = SUBJECTS[kind](record.slice(0, MAX_RECORD_LENGTH));
  const right = `${verdictText(kind, verdict)}${ended === undefined ? '' : `, ${ended.slice(0, 10)}`}`;
  const tasks = data.tasks.map((task) => `${TASK_TITLES[task.task]}: ${verdictText(kind, task.verdict)}`).join('; ');
  const widthOf = (words: string) => Math.round(words.length * CHARACTER) + 2 * MARGIN;
  const [from, width] = [widthOf(left), widthOf(right)];
  const text = (words: string, x: number, room: number) =>
    html`<text x="${x + MARGIN}" y="14" textLength="${room - 2 * MARGIN}" lengthAdjust="spacingAndGlyphs">${words}</text>`;
  const label = `${left}: ${right}. ${tasks}.`;
  const colour = kind === 'synthetic' ? COLOURS['not comparable'] : COLOURS[verdict];
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${from + width}" height="${HEIGHT}" role="img" aria-label="${label}"><title>${label}</title><rect width="${from + width}" height="${HEIGHT}" rx="3" fill="#33373f"/><path d="M${from} 0H${from + width - 3}a3 3 0 0 1 3 3V17a3 3 0 0 1-3 3H${from}Z" fill="${colour}"/><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">${text(left, 0, from)}${text(right, from, width)}</g></svg>
`;
}
