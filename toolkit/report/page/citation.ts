import { CELL_TASKS, TASK_TITLES, TASKS, type Task, TISSUE_TASKS } from '../../../config/tasks.ts';
import type { VerdictConfig } from '../../../config/verdict-config.ts';
import { comparedText } from '../../dataset/provenance.ts';
import { counted, listed, withArticle } from '../../format.ts';
import { adapterText, batchText } from '../../onnx/session/engine-choice.ts';
import { taskNamed } from '../../tasks/task-named.ts';
import type { Environment } from '../environment.ts';
import type { ReportData } from '../report-data.ts';
import { type Html, hrefOf, html } from './html.ts';

/** Returns what to cite, and the methods as text. */
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

/**
 * Writes the methods of a run for a paper, as paragraphs. Every statement follows from the configuration of the run or
 * from records made while it ran. Empty for synthetic data.
 */
export function methodsText(data: ReportData): string[] {
  const { configuration: config, tasks, provenance } = data;
  if (provenance.kind === 'synthetic') return [];
  const named = config === undefined ? [] : tasks.map(({ task }) => methodsOf(task, config, data));
  return [
    [subjectText(data), ...originText(data), modelsText(data)].filter((text) => text !== '').join(' '),
    ...named,
    ...enginesText(data),
    ...(config === undefined ? [] : [tolerancesText(data, config.verdict)]),
    ...intervalsText(data),
  ];
}

type Config = NonNullable<ReportData['configuration']>;

function subjectText({ summary, provenance, environments, tasks }: ReportData): string {
  const version = environments[0]?.reignite;
  const software = version === undefined ? 'reignite' : `reignite ${version}`;
  const when = summary.ended === undefined ? '' : ` on ${summary.ended.slice(0, 10)}`;
  const what =
    provenance.kind === 'paper'
      ? `The technical validation of the IGNITE data toolkit (${comparedText(provenance, summary.record)})`
      : `The evaluation of ${comparedText(provenance, summary.record)}`;
  const missing = TASKS.filter((task) => tasks.every((each) => each.task !== task));
  const without = missing.length === 0 ? '' : `, without ${listed(missing.map((task) => TASK_TITLES[task]))}`;
  return `${what} was run with ${software}${when}${without}.`;
}

/** Describes where the files came from, and how they were verified. */
function originText({ configuration: config, verified }: ReportData): string[] {
  if (config === undefined) return [];
  const { api, serveFrom, mirror, offline } = config.zenodo;
  const crc = verified.filter((how) => how === 'crc').length;
  const sums =
    verified.length === 0
      ? 'no checksums were verified'
      : crc === 0
        ? `${counted(verified.length, 'file was', 'files were')} verified by the MD5 that the record publishes`
        : `${verified.length - crc} of ${counted(verified.length, 'file')} ${verified.length - crc === 1 ? 'was' : 'were'} verified by MD5; members that were extracted from the other files were verified by CRC-32`;
  const from =
    serveFrom !== undefined
      ? "The record's files were served from a local folder"
      : offline
        ? 'The files of the record were used from a data folder without verification'
        : mirror !== undefined
          ? `The record's files were taken from a local mirror or fetched from ${hostOf(api)}`
          : `The record's files were fetched from ${hostOf(api)}`;
  return [`${from}; ${sums}.`];
}

function hostOf(address: string): string {
  return URL.canParse(address) ? new URL(address).host : address;
}

function modelsText({ configuration: config, tasks }: ReportData): string {
  const isOwn = ({ task }: { readonly task: Task }) => config?.[task].model !== undefined;
  const own = tasks.filter(isOwn).map(({ task }) => TASK_TITLES[task]);
  const custom =
    own.length === 0 ? '' : `${listed(own)} ran with ${own.length === 1 ? 'a custom model' : 'custom models'}. `;
  const published =
    own.length === tasks.length
      ? ''
      : "The record's checkpoints were converted to ONNX without executing code in them. ";
  return `${custom}${published}Results were scored as the authors' code scores them.`;
}

function methodsOf(task: Task, config: Config, data: ReportData): string {
  return taskNamed(task).methods({ settings: config[task], model: data.models[task], regions: regionsOf(task, data) });
}

/** Describes the ROIs that were scored for a task, without failed ones. */
function regionsOf(task: Task, { summary }: ReportData): string {
  const { total = 0, failed = 0 } = summary.tasks[task]?.rois ?? {};
  const regions = counted(total - failed, 'test ROI');
  return failed === 0 ? `all ${regions}` : `${regions} (inference failed in ${failed} more)`;
}

function enginesText(data: ReportData): string[] {
  const { configuration: config, environments, tasks, summary } = data;
  const engines = tasks.flatMap(({ engine }) => (engine === undefined ? [] : [engine]));
  if (engines.length === 0) return [];
  const said = engines.map(
    ({ ortVersion, provider, precision, engine, batchSize, ...names }) =>
      `${precision}${provider === 'cuda' ? ' (TensorFloat-32 switched off)' : ''} with ONNX Runtime ${ortVersion} (execution ${[
        `provider ${provider}${names.adapter === undefined ? '' : ` on ${adapterText(names)}`}`,
        `engine "${engine}"`,
        ...(batchSize === undefined ? [] : [batchText(batchSize)]),
      ].join(', ')})`,
  );
  const counts = Object.values(summary.tasks).map(({ rois }) => rois);
  const computed = counts.reduce((sum, rois) => sum + rois.computed, 0);
  const cached = counts.reduce((sum, rois) => sum + rois.cached, 0);
  const machines = environments.filter(({ role }) => role === 'inference').map(machineText);
  const where = machines.length === 0 || computed === 0 ? '' : ` on ${listed([...new Set(machines)])}`;
  const threads = config?.inference.threads ?? 0;
  const using = computed === 0 ? '' : `, with ${threads === 0 ? 'all cores' : counted(threads, 'thread')} per session`;
  const reused =
    cached === 0
      ? ''
      : ` ${cached} of ${counted(cached + computed, 'prediction')} came from the cache of an earlier run with the same engine.`;
  const isFast = engines.some(({ engine }) => engine === 'fast');
  const order = isFast
    ? ' The engine "fast" adds the outputs of tiles and folds in float32 in another order than nnU-Net.'
    : '';
  return [`Networks ran in ${listed([...new Set(said)])}${using}${where}.${order}${reused}`];
}

function machineText({ processor, platform, provider, adapter, driver }: Environment): string {
  const gpu =
    provider === undefined || provider === 'cpu'
      ? ''
      : adapter === undefined
        ? '; GPU and driver were not recorded'
        : `; ${adapter}, driver ${driver ?? 'not recorded'}`;
  return `${withArticle(`${processor} machine`)} (${platform}${gpu})`;
}

function tolerancesText({ tasks }: ReportData, { he, cells, published }: VerdictConfig): string {
  const percent = (share: number) => `${Number((100 * share).toPrecision(6))} %`;
  const hasTissue = TISSUE_TASKS.some((name) => tasks.some(({ task }) => task === name));
  const cellTasks = CELL_TASKS.filter((name) => tasks.some(({ task }) => task === name));
  const hasCells = cellTasks.length > 0;
  const printed = cellTasks.some((task) => published[task] !== undefined);
  const reproduced = [
    ...(hasTissue
      ? [
          `a mask counted as reproduced when at most ${percent(he.reproduced.maxDifferingFraction)} of its pixels differed, all with a confidence (best minus second-best softmax) of at most ${he.reproduced.maxConfidence}`,
        ]
      : []),
    ...(hasCells
      ? [
          `detected cells counted as reproduced when every point had a counterpart of its class within ${cells.reproduced.maxDistance} px or a detection score within ${cells.reproduced.maxScoreDifference} of the threshold`,
        ]
      : []),
  ];
  const near = [
    ...(hasTissue
      ? [
          `at most ${percent(he.tolerance.maxDifferingFraction)} of the pixels differed, at least ${percent(he.tolerance.minLowConfidenceFraction)} of them with a confidence of at most ${he.tolerance.maxConfidence}, and every Dice over all ROIs was within ${he.tolerance.maxDiceDifference} unless near ties or half precision explained the difference (classes of fewer than ${he.minClassPixels} ground-truth pixels did not count)`,
        ]
      : []),
    ...(hasCells
      ? [
          `at least ${percent(cells.tolerance.minMatchedFraction)} of the points had a counterpart within ${cells.tolerance.maxDistance} px and every F1 was within ${cells.tolerance.maxF1Difference}`,
        ]
      : []),
  ];
  const evaluated = [
    ...(hasTissue
      ? ['the confusion of the published masks had to equal the published matrix, where the record has one']
      : []),
    ...(printed ? ['the F1 of the published points had to round to the printed values'] : []),
  ];
  return (
    `The reproduced predictions were compared with the published ones: ${reproduced.join('; ')}. They were within tolerance when ${near.join('; for cells, when ')}. ` +
    'The limits for pixels and points had to hold in every ROI and over all ROIs together, those for Dice and F1 over all ROIs together; no correction for multiple comparisons was made.' +
    (evaluated.length === 0 ? '' : ` In addition, ${evaluated.join(', and ')}.`)
  );
}

function intervalsText({ tasks }: ReportData): string[] {
  const [known] = tasks.flatMap(({ uncertainty }) => (uncertainty === undefined ? [] : [uncertainty]));
  if (known === undefined) return [];
  const patients = tasks.flatMap(({ task, uncertainty }) =>
    Object.entries(uncertainty?.cohorts ?? { '': uncertainty?.patients ?? 0 }).map(
      ([cohort, count]) => `${counted(count, 'patient')} for ${TASK_TITLES[task]}${cohortText(cohort, task)}`,
    ),
  );
  return [
    `Intervals are 95 % percentile intervals of ${known.resamples} resamples of patients (${patients.join(', ')}; ${known.generator}, seed ${known.seed}), with linear quantiles; the ROIs of a patient stay together, and differences are paired. No interval is given for a number that rests on one patient.`,
  ];
}

/** Formats a group of readers, unless it has the name of its task. */
function cohortText(cohort: string, task: Task): string {
  return cohort === '' || cohort === task ? '' : ` (${cohort})`;
}
