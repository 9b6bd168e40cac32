import { z } from 'zod';
import { RunConfig } from '../../../config/schema.ts';
import { TASK_TITLES, TASKS } from '../../../config/tasks.ts';
import { verdictText } from '../../dataset/provenance.ts';
import { counted, percentText } from '../../format.ts';
import { adapterText, batchText } from '../../onnx/session/engine-choice.ts';
import type { DetailTable } from '../../tasks/kind.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { ComparedMetric, Interval, Verdict } from '../../verdict/verdict-file.ts';
import { commandOf } from '../configuration.ts';
import type { Environment } from '../environment.ts';
import type { RoiLayers } from '../layers/draw-layers.ts';
import type { JudgedTask, ReportData } from '../report-data.ts';
import type { StepTimes } from '../trace.ts';
import { type ForestRow, forestPlot } from './figures.ts';
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

/** Returns the facts recorded during a run: identifiers, machines, networks, and how long its activities took. */
export function factsSection({ summary, environments, times, tasks }: ReportData): Html {
  const known = [...TASKS, ...Object.keys(summary.tasks)];
  const counts = [...new Set(known)].flatMap((task) => {
    const rois = summary.tasks[task]?.rois;
    if (rois === undefined) return [];
    return [
      `${task}: ${counted(rois.total, 'ROI')}, ${rois.computed} computed, ${rois.cached} from the cache, ${rois.failed} failed`,
    ];
  });
  const interventions = (summary.interventions ?? []).map(({ at, what }) => `${at} ${what}`);
  const machines = environments.map(
    (machine) =>
      [
        machine.role === 'inference' ? 'Machine (inference)' : 'Machine (other activities)',
        machineText(machine),
      ] as const,
  );
  const engines = tasks.flatMap(({ task, engine }) =>
    engine === undefined
      ? []
      : [
          [
            `${task}: ONNX Runtime ${engine.ortVersion}`,
            engine.adapter === undefined ? engine.provider : `${engine.provider} on ${adapterText(engine)}`,
            engine.precision,
            `engine ${engine.engine}`,
            ...(engine.batchSize === undefined ? [] : [batchText(engine.batchSize)]),
            `model ${engine.model.slice(0, 12)}`,
          ].join(', '),
        ],
  );
  const facts: readonly (readonly [string, string])[] = [
    ['Run', summary.run],
    ['Status', summary.status],
    ['Ended (UTC)', summary.ended ?? 'not recorded'],
    ['Configuration digest', summary.digest],
    ['ROIs', counts.join('; ')],
    ['Interventions', interventions.length === 0 ? 'none' : interventions.join('; ')],
    ['Networks', engines.length === 0 ? 'not recorded' : engines.join('; ')],
    ...(machines.length === 0 ? [['Machine', 'not recorded'] as const] : machines),
    ...(times.retries === 0 ? [] : [['Retried activities', String(times.retries)] as const]),
  ];
  const list = facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`);
  return html`<dl class="facts">${list}</dl>${timesTable(times)}`;
}

function machineText({
  reignite,
  node,
  platform,
  processor,
  cores,
  memory,
  onnxRuntime,
  provider,
  precision = 'float32',
}: Environment): string {
  const engine = onnxRuntime === undefined ? '' : `; ONNX Runtime ${onnxRuntime}, ${provider}, ${precision}`;
  return `${platform}, ${processor}, ${counted(cores, 'core')}, ${memory} GiB; reignite ${reignite}, Node.js ${node}${engine}`;
}

function timesTable({ steps }: StepTimes): Html {
  if (steps.length === 0) return NOTHING;
  const seconds = (value: number) => value.toFixed(value < 10 ? 2 : 0);
  const rows = steps.map(({ step, count, total, longest, again }) => [
    step,
    String(count),
    seconds(total),
    seconds(longest),
    String(again),
  ]);
  return table('Time per activity', ['', 'activities', 'total\u00a0s', 'max\u00a0s', 'retries'], rows);
}

/** Returns the command that repeats the run. */
export function rerunCommand({ summary, configuration }: ReportData): string {
  return commandOf(summary.profile, configuration);
}

/** Returns a table of the tolerances of the verdicts with their meanings. */
export function tolerancesSection({ configuration }: ReportData): Html {
  const verdict = configuration?.verdict;
  if (verdict === undefined) return NOTHING;
  const shape = RunConfig.shape.verdict.unwrap().shape;
  const rows = [...toleranceRows('H&E', verdict.he, shape.he), ...toleranceRows('cells', verdict.cells, shape.cells)];
  return html`<details><summary>Tolerances of the verdicts</summary>${table('Tolerances for Dice and F1 must hold over all ROIs together, those for pixels and points also in every ROI', ['', 'value', 'meaning'], rows)}</details>`;
}

/** Returns one row per value, including nested ones, with meanings from the schema. */
function toleranceRows(name: string, values: object, schema: unknown): (string | Html)[][] {
  const fields = schema instanceof z.ZodPrefault ? schema.unwrap() : undefined;
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const field: unknown = fields instanceof z.ZodObject ? fields.shape[key] : undefined;
    if (typeof value === 'object' && value !== null) return toleranceRows(`${name}, ${key}`, value, field);
    const meaning = field instanceof z.ZodType ? field.description : undefined;
    const unit = /Unit: (\S+)\./.exec(meaning ?? '')?.[1];
    const shown = unit === undefined ? String(value) : `${String(value)} ${unit}`;
    return [[`${name}: ${key}`, shown, html`<span class="meaning">${withCode(meaningOf(meaning))}</span>`]];
  });
}

/** Returns the description of a field without what other columns of the table show. */
function meaningOf(description = ''): string {
  return description.replace(/ (Fraction, 0 to 1|Unit: px|Default: [^.]*(\.\d+)?)\.(?= |$)/g, '');
}
