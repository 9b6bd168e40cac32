import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TASK_TITLES } from '../../config/tasks.ts';
import { folderOf } from '../dataset/layout.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import type { Environment } from './environment.ts';
import { gallerySection } from './page/gallery.ts';
import { escapeHtml, hrefOf } from './page/html.ts';
import { failuresSection, ledgerSection, numbersOf, verdictSection } from './page/sections.ts';
import { SCRIPT, STYLE } from './page/style.ts';
import type { JudgedTask, ReportData } from './report-data.ts';

/**
 * Writes report/index.html with its thumbnails: a page that opens from disk and needs no network. Figures are linked
 * where they lie in the results folder.
 */
export async function writePage(
  results: string,
  data: ReportData,
  machine: Environment,
  onRoi: () => void,
): Promise<void> {
  const { record, profile, run } = data.summary;
  const tasks: string[] = [];
  for (const task of data.tasks) tasks.push(await taskSection(results, task, onRoi));
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Reproduction of record ${escapeHtml(record)}</title><style>${STYLE}</style></head><body>
<header><h1>Does it reproduce?</h1>
<p class="lead">The technical validation of the IGNITE data toolkit, record ${escapeHtml(record)}, profile ${escapeHtml(profile)}, run again and held against what was published.</p></header>
<main>
<section aria-label="Verdict">${verdictSection(data)}${failuresSection(data)}
<h3>Run it again</h3><pre>npx reignite run --profile ${escapeHtml(profile)}</pre></section>
${tasks.join('\n')}
<section><h2 id="ledger">Discrepancy ledger</h2><p>Where the authors' code or record does something else than one would expect. Each effect was measured in this run; the paper's numbers follow the paper's way throughout.</p>${ledgerSection(data)}</section>
<section><h2 id="facts">Run facts</h2>${factsSection(data, machine)}</section>
<section><h2 id="cite">How to cite</h2><p>The data: IGNITE data toolkit, Zenodo, record ${escapeHtml(record)}, CC BY-NC-SA 4.0; its paper: arXiv 2507.16855. This reproduction: reignite ${escapeHtml(machine.reignite)}, run ${escapeHtml(run)}.</p></section>
</main><footer>Written by reignite ${escapeHtml(machine.reignite)}. Digests of every file: manifest.sha256.</footer>
<script>${SCRIPT}</script></body></html>
`;
  await writeFileAtomic(join(results, 'report', 'index.html'), html);
}

async function taskSection(results: string, task: JudgedTask, onRoi: () => void): Promise<string> {
  const title = escapeHtml(TASK_TITLES[task.task]);
  return `<section><h2 id="${task.task}">${title} <span class="tag" data-verdict="${task.verdict}">${task.verdict}</span></h2>
${numbersOf(task)}
<h3>Figures over all ROIs</h3>${await figuresOf(results, task)}
<h3>ROIs</h3>${await gallerySection(results, task, onRoi)}</section>`;
}

/** The figures over all ROIs, in the paper's style. */
async function figuresOf(results: string, task: JudgedTask): Promise<string> {
  const folder = folderOf('figures', task.task);
  const names = await readdir(join(results, folder)).catch(() => []);
  const figures = names.filter((name) => name.endsWith('.svg')).sort();
  const items = figures.map((name) => {
    const title = name.replace(/\.svg$/, '').replaceAll('_', ' ');
    return `<figure><a href="../${hrefOf(`${folder}/${name}`)}"><img loading="lazy" src="../${hrefOf(`${folder}/${name}`)}" alt="${escapeHtml(title)}"></a><figcaption>${escapeHtml(title)}; its numbers: <a href="../${hrefOf(`${folder}/${name.replace(/\.svg$/, '.json')}`)}">JSON</a></figcaption></figure>`;
  });
  return `<div class="figures">${items.join('')}</div>`;
}

function factsSection({ summary }: ReportData, machine: Environment): string {
  const counts = Object.entries(summary.tasks).map(
    ([task, { rois }]) =>
      `${task}: ${rois.total} ROIs, ${rois.computed} computed, ${rois.cached} from the cache, ${rois.failed} failed`,
  );
  const interventions = (summary.interventions ?? []).map(({ at, what }) => `${at} ${what}`);
  const facts: [string, string][] = [
    ['Run', summary.run],
    ['Status', summary.status],
    ['Configuration digest', summary.digest],
    ['ROIs', counts.join('; ')],
    ['Interventions', interventions.length === 0 ? 'none' : interventions.join('; ')],
    ['reignite', machine.reignite],
    ['Node.js', machine.node],
    ['Machine', `${machine.platform}, ${machine.processor}, ${machine.cores} cores, ${machine.memory} GiB`],
  ];
  return `<dl class="facts">${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>`;
}
