import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { packageFile } from '../../config/package-files.ts';
import { perTask, TASK_TITLES, TASKS } from '../../config/tasks.ts';
import { comparedText, type RecordKind, verdictText } from '../dataset/provenance.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { RESULTS, reportFolder } from '../results/results-folder.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { RoiLayers } from './layers/draw-layers.ts';
import { citeSection, methodsText } from './page/citation.ts';
import { figureGrid, STYLE_SWITCH, writeFigures } from './page/figures.ts';
import { gallerySection, roiDetails, roiStatusText, spotChecks } from './page/gallery.ts';
import { badge, headlineOf } from './page/headline.ts';
import { type Html, html, jsonScript, NOTHING } from './page/html.ts';
import {
  detailsOf,
  discrepanciesSection,
  factsSection,
  failuresSection,
  numbersOf,
  rerunCommand,
  tolerancesSection,
  verdictSection,
  worstSection,
} from './page/sections.ts';
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
  await writeFileAtomic(RESULTS.badge.in(results), String(badge(data)));
  await writeMethods(RESULTS.methods.in(results), methodsText(data));
  const sections = await Promise.all(
    data.tasks.map((task) => taskSection(results, task, layers, data.provenance.kind)),
  );
  await writeFileAtomic(join(report, 'index.html'), String(reportPage(data, sections, layers, version)));
}

/** Writes the methods text, or deletes that of an earlier report if there is none now. */
async function writeMethods(path: string, paragraphs: readonly string[]): Promise<void> {
  if (paragraphs.length === 0) await rm(path, { force: true });
  else await writeFileAtomic(path, `${paragraphs.join('\n\n')}\n`);
}

function reportPage(data: ReportData, sections: readonly Html[], layers: readonly RoiLayers[], version: string): Html {
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

const STATIC = ['report.css', 'report.js'] as const;

/** Writes the style sheet and the script of a page to report/assets. */
async function writePageAssets(folder: string): Promise<void> {
  for (const name of STATIC) {
    const content = await readFile(packageFile(`toolkit/report/page/static/${name}`));
    await writeFileAtomic(join(reportFolder(folder), 'assets', name), content);
  }
}

/** An ROI or an image in the viewer. */
interface ViewedRoi extends RoiLayers {
  /** Determines the colour of `said`. */
  readonly verdict: string;
  readonly said: string;
  readonly about: string;
}

/** A page like the report, but for a comparison, an evaluation or a prediction instead of a run. */
export interface StandalonePage {
  readonly title: string;
  readonly question: string;
  readonly answer: string;
  /** A verdict of the report, which determines the colour of the answer. */
  readonly tone: string;
  readonly lead: Html;
  /** Sections that are linked at the top of the page: ID and name. */
  readonly links: readonly (readonly [id: string, name: string])[];
  /** Whether the images are marked as synthetic. */
  readonly isSynthetic: boolean;
  readonly main: Html;
  readonly footer: string;
  /** ROIs in the viewer, and its texts for each task. */
  readonly viewed: { readonly words: object; readonly rois: readonly ViewedRoi[] };
}

/**
 * Writes a page that opens from disk and needs no network.
 *
 * @param path - Absolute path in report/ of the folder.
 */
export async function writeStandalonePage(
  folder: string,
  page: StandalonePage,
  path = RESULTS.page.in(folder),
): Promise<void> {
  await writePageAssets(folder);
  await writeFileAtomic(path, String(standalonePage(page)));
}

function standalonePage({
  title,
  question,
  answer,
  tone,
  lead,
  links,
  isSynthetic,
  main,
  footer,
  viewed,
}: StandalonePage): Html {
  const nav = html`<nav aria-label="Sections"><ul>${links.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="assets/report.css"></head><body>
<a class="skip" href="#main">To the results</a>
<header>${isSynthetic ? SYNTHETIC : NOTHING}<h1>${question}</h1>
<p class="answer" data-verdict="${tone}">${answer}</p>
<p class="lead">${lead}</p>
${links.length === 0 ? NOTHING : nav}</header>
<main id="main">
${main}
</main><footer>For research only, not for diagnosis. ${footer}</footer>
${VIEWER}
${jsonScript('viewer-data', { titles: TASK_TITLES, ...viewed })}
<script src="assets/report.js"></script></body></html>
`;
}

const SYNTHETIC = html`<p class="banner" role="note"><strong>Synthetic data.</strong> The record marks its images as synthetic: these numbers say nothing about tissue or patients.</p>
`;

/** The dialog that shows an ROI with its layers, with data from {@link viewerData}. */
const VIEWER = html`<dialog id="viewer" class="viewer" aria-labelledby="viewer-title">
<div class="viewer-head"><div><h2 id="viewer-title" data-part="title">ROI</h2><p><span class="tag" data-part="said"></span> <span data-part="about"></span></p></div>
<div class="buttons"><button type="button" data-act="previous">Previous <kbd>p</kbd></button><button type="button" data-act="next">Next <kbd>n</kbd></button><button type="button" data-act="close">Close <kbd>Esc</kbd></button></div></div>
<div class="viewer-main"><div class="stage" data-part="stage" tabindex="0" role="group" aria-label="ROI"><div class="sheet" data-part="sheet"></div><div class="scale" data-part="scale"></div></div>
<div class="viewer-side">
<div class="buttons"><button type="button" data-act="closer">Zoom in <kbd>+</kbd></button><button type="button" data-act="farther">Zoom out <kbd>&#8722;</kbd></button><button type="button" data-act="fit">Fit <kbd>0</kbd></button><button type="button" data-act="pixels">1:1</button></div>
<p data-part="spots" class="buttons"><button type="button" data-act="spot">Next difference <kbd>d</kbd></button> <output data-part="spot"></output></p>
<fieldset><legend>Layers</legend><div data-part="layers"></div>
<label data-part="opacity">Opacity of masks <input type="range" min="0" max="100" value="50"></label></fieldset>
<div class="wide" tabindex="0" role="region" aria-label="Classes in this ROI"><table><tbody data-part="legend"></tbody></table></div>
<p class="note" data-part="notes"></p><p class="note">Drag, or use the arrow keys, to move; wheel, pinch, + and &#8722; to zoom. The scale bar assumes 0.5 µm per pixel.</p>
</div></div></dialog>`;

/** Embeds the data of every ROI for the script of the viewer. */
function viewerData(tasks: readonly JudgedTask[], layers: readonly RoiLayers[], kind: RecordKind): Html {
  const judged = new Map(
    tasks.flatMap((task) => task.rois.map((roi) => [`${task.task}/${roi.roi}`, { roi }] as const)),
  );
  const rois = layers.flatMap((each) => {
    const found = judged.get(`${each.task}/${each.roi}`);
    if (found === undefined) return [];
    const { roi } = found;
    return [{ ...pickShown(each), verdict: roi.verdict, said: roiStatusText(roi, kind), about: roiDetails(roi) }];
  });
  const words = perTask(TASKS, (task) => taskNamed(task).viewer);
  return jsonScript('viewer-data', { words, titles: TASK_TITLES, rois });
}

function pickShown({ task, roi, width, height, files, classes, spots, notes }: RoiLayers): RoiLayers {
  return { task, roi, width, height, files, classes, spots, notes };
}
