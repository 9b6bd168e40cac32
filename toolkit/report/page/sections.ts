import { TASK_TITLES } from '../../../config/tasks.ts';
import { comparedText, verdictText } from '../../dataset/provenance.ts';
import { percentText } from '../../format.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { DetailTable } from '../../tasks/verdict-view.ts';
import type { ComparedMetric, Interval, Verdict } from '../../verdict/verdict-file.ts';
import type { RoiLayers } from '../layers/layers-file.ts';
import { methodsText } from '../methods.ts';
import type { JudgedTask, ReportData } from '../report-data.ts';
import { type ForestRow, forestPlot } from './forest-plot.ts';
import { decimal, type Html, type HtmlValue, hrefOf, html, NOTHING, table, withCode } from './html.ts';

/** Returns the verdicts, one card per task. */
export function verdictSection({ tasks, provenance }: ReportData): Html {
  const said = (verdict: Verdict) => verdictText(provenance.kind, verdict);
  const cards = tasks.map(
    (task) => html`<li data-verdict="${task.verdict}"><h3><a href="#${task.task}">${TASK_TITLES[task.task]}</a></h3>
<p class="said">${said(task.verdict)}</p>
<p><strong>Published predictions, scored here:</strong> ${said(task.evaluation.verdict)}. ${task.evaluation.reason}</p>
<p><strong>Reproduced predictions against the published ones:</strong> ${said(task.inference.verdict)}. ${task.inference.reason}</p></li>`,
  );
  return html`<ul class="verdicts">${cards}</ul>`;
}

/** Maximum number of ROIs in the list of those that differ most. */
const MAX_NAMED = 5;

/** Returns the list of ROIs that differ most, over all tasks. */
export function worstSection({ tasks }: ReportData, layers: readonly RoiLayers[]): Html {
  const viewed = new Map(layers.map(({ task, roi, files }) => [`${task}/${roi}`, files.image ?? files.ours]));
  const worst = tasks
    .flatMap((task) => task.worst.map((roi) => ({ ...roi, task: task.task })))
    .sort((a, b) => b.difference - a.difference);
  if (worst.length === 0) {
    return tasks.every(({ verdict }) => verdict === 'not comparable')
      ? html`<p>Nothing could be compared.</p>`
      : html`<p>Nothing: all compared pixels and points equal the published ones.</p>`;
  }
  const items = worst
    .slice(0, MAX_NAMED)
    .map(
      ({ roi, task, difference }) =>
        html`<li>${named(roi, `${task}/${roi}`, viewed)}: ${percentText(difference)} of its ${taskNamed(task).viewer.unit} differ</li>`,
    );
  const more = worst.length > MAX_NAMED ? html`<p class="note">and ${worst.length - MAX_NAMED} more</p>` : NOTHING;
  return html`<ol>${items}</ol>${more}`;
}

/** Returns an ROI's name, linked to the viewer if it is in there. */
function named(roi: string, key: string, viewed: ReadonlyMap<string, string | undefined>): HtmlValue {
  const file = viewed.get(key);
  return file === undefined ? roi : html`<a href="${hrefOf(file)}" data-view="${key}">${roi}</a>`;
}

/** Returns a task's scores: published, ours, difference, intervals. */
export function numbersOf(task: JudgedTask): Html {
  const warnings = [...task.warnings, ...onePatientNote(task)].map((warning) => html`<p class="note">${warning}</p>`);
  const { numbers, notes } = taskNamed(task.task).view(task);
  const tables = numbers.map(
    ({ caption, metrics }) =>
      html`${forestPlot(caption, 'reproduced', metrics.filter(({ truth }) => truth !== 0).map(forestRow))}${metricsTable(caption, metrics)}`,
  );
  return html`${tables}${notes.map((note) => html`<p class="note">${note}</p>`)}${warnings}`;
}

function forestRow({ name, ours, oursInterval, published, publishedInterval }: ComparedMetric): ForestRow {
  return { label: name, value: ours, interval: oursInterval, published, publishedInterval };
}

/** Text for a class without ground truth, since a Dice or F1 of 0 would look like a failure. */
const ABSENT = 'absent';

/** Explains why some scores of a task have no interval while others do. */
function onePatientNote(task: JudgedTask): string[] {
  const metrics = taskNamed(task.task)
    .view(task)
    .numbers.flatMap((table) => table.metrics);
  const known = metrics.filter(({ ours }) => ours !== null);
  const without = known.filter(({ oursInterval }) => oursInterval === undefined).length;
  if (without === 0 || without === known.length) return [];
  return ['No interval is given for a class or a group of readers with a single patient.'];
}

function metricsTable(caption: string, metrics: readonly ComparedMetric[]): Html {
  const rows = metrics.map((metric) => [
    html`${metric.name}${metric.judged || metric.truth === 0 ? NOTHING : html` <span class="note">(does not affect the verdict)</span>`}`,
    ...(metric.truth === 0
      ? [ABSENT, ABSENT, '–', '–', '–']
      : [
          decimal(metric.published),
          decimal(metric.ours),
          intervalText(metric.oursInterval),
          decimal(metric.difference, 6),
          intervalText(metric.differenceInterval, 6),
        ]),
  ]);
  const head = ['', 'published', 'reproduced', '95 % interval', 'difference', 'its 95 % interval'];
  const isSame = metrics.every(isEqual) && metrics.some(({ difference }) => difference !== null);
  const said = isSame ? 'nothing differs from the published predictions' : 'differences with their intervals';
  return html`<details class="${isSame ? 'same' : ''}"><summary>${caption}: ${said}</summary>${table(caption, head, rows)}</details>`;
}

/** Smallest difference that is visible in the table. */
const LEAST_SHOWN = 5e-7;

function isEqual({ difference }: ComparedMetric): boolean {
  return difference === null || Math.abs(difference) < LEAST_SHOWN;
}

function intervalText(interval: Interval | undefined, places = 4): string {
  return interval === undefined ? '–' : `${decimal(interval.low, places)} to ${decimal(interval.high, places)}`;
}

/** Returns the discrepancies between the authors' code, the paper and the record, with their effect in this run. */
export function discrepanciesSection({ discrepancies }: ReportData): Html {
  const entries = discrepancies.map(({ title, what, where, status, effect, corrected, affected, affectedTotal }) => {
    const numbers = corrected
      .slice(0, 40)
      .map(({ name, paper, corrected: other }) => [name.replace('|', ' and '), decimal(paper), decimal(other)]);
    const listed = affected.slice(0, 20).join(', ');
    const more = affectedTotal > 20 ? ` and ${affectedTotal - 20} more` : '';
    return html`<details><summary>${title} <span class="note">${status}</span></summary>
<p>${withCode(what)}</p><p class="note">Where: ${where}</p><p><strong>In this run:</strong> ${withCode(effect)}</p>
${numbers.length === 0 ? NOTHING : table('With and without correction', ['', "authors' code", 'corrected'], numbers)}
${listed === '' ? NOTHING : html`<p class="note">Affected: ${listed}${more}</p>`}</details>`;
  });
  return entries.length === 0 ? html`<p>No discrepancy report was written.</p>` : html`${entries}`;
}

/** Returns a table of failed ROIs, with code and cause. */
export function failuresSection({ summary }: ReportData): Html {
  const rows = Object.entries(summary.tasks).flatMap(([task, { failures }]) =>
    failures.map(({ roi, code, cause }) => [roi, task, code, cause]),
  );
  return rows.length === 0 ? NOTHING : table('ROIs that failed', ['', 'task', 'code', 'cause'], rows);
}

/** Returns collapsed details of a task: other evaluations of its predictions, groups of ROIs, scores for research. */
export function detailsOf(task: JudgedTask): Html {
  const { otherReadings, researchScores } = taskNamed(task.task).view(task);
  const parts = [
    ...otherReadings.map(foldedTable),
    folded('By source, organ, specimen, histology and scanner', breakdownTable(task)),
    ...researchScores.map(foldedTable),
  ];
  return html`${parts}`;
}

function folded(summary: string, content: Html): Html {
  return content === NOTHING ? NOTHING : html`<details><summary>${summary}</summary>${content}</details>`;
}

function foldedTable({ summary, introduction, caption, head, rows }: DetailTable): Html {
  const before = introduction === undefined ? NOTHING : html`<p>${introduction}</p>`;
  return folded(summary, html`${before}${table(caption, head, rows)}`);
}

/** Returns the breakdown, with overall scores only; the verdict file has every class. */
function breakdownTable({ breakdown }: JudgedTask): Html {
  const isShown = (name: string) => name === 'Overall' || name.endsWith(', macro');
  const names = breakdown[0]?.metrics.map(({ name }) => name).filter(isShown) ?? [];
  if (names.length === 0) return NOTHING;
  const rows = breakdown.map(({ column, value, rois, patients, metrics }) => [
    `${column}: ${value}`.replaceAll('_', ' '),
    String(rois),
    String(patients),
    ...metrics.filter(({ name }) => isShown(name)).map(({ ours }) => decimal(ours)),
  ]);
  const head = ['', 'ROIs', 'patients', ...names.map((name) => name.replace(/, macro$/, '').replace('|', ' and '))];
  return table(
    'Scores of the reproduced predictions; descriptive only, since the groups are small and not drawn at random',
    head,
    rows,
  );
}

/** Lists what to cite when these results are used. Only a run on the paper's record cites the paper. */
export function citations({ summary, environments, provenance }: ReportData, version: string): string[] {
  const { record, run, digest, ended } = summary;
  const used = environments[0]?.reignite ?? version;
  const when = ended === undefined ? '' : `, ${ended.slice(0, 10)}`;
  const ours = `reignite ${used}, run ${run}, configuration ${digest}${when}.`;
  switch (provenance.kind) {
    case 'paper':
      return [
        `The data: IGNITE data toolkit, Zenodo, record ${record}. https://doi.org/10.5281/zenodo.${hrefOf(record)}. CC BY-NC-SA 4.0.`,
        'The paper: the IGNITE data toolkit, arXiv:2507.16855. https://arxiv.org/abs/2507.16855',
        `This reproduction: ${ours}`,
      ];
    case 'synthetic':
      return [`This run on synthetic sample data, which reproduces no publication: ${ours}`];
    case 'other':
      return [`The data: ${comparedText(provenance, record)}, under its own licence.`, `This run: ${ours}`];
  }
}

export function citeSection(data: ReportData, version: string): Html {
  const items = citations(data, version).map((text) => html`<li>${linked(text)}</li>`);
  return html`<ul>${items}</ul><p><img src="assets/badge.svg" alt="Badge with the verdict and its date"> The badge: <a href="assets/badge.svg">assets/badge.svg</a></p>${methodsSection(data)}`;
}

function methodsSection(data: ReportData): Html {
  const methods = methodsText(data).map((text) => html`<p>${text}</p>`);
  if (methods.length === 0) {
    return html`<p class="note">There is no methods text, because the data are synthetic.</p>`;
  }
  return html`<details><summary>Methods, for a paper</summary>${methods}<p class="note">Also as text: <a href="assets/methods.txt">assets/methods.txt</a></p></details>`;
}

/** Turns https URLs in a text into links. */
function linked(text: string): Html[] {
  return text
    .split(/(https:\/\/[^\s<>"]+?(?=\.?(?:\s|$)))/)
    .map((part, k) => (k % 2 === 0 ? html`${part}` : html`<a href="${part}">${part}</a>`));
}
