import { basename, join } from 'node:path';
import { CELL_TASKS, type CellTask, TASK_TITLES, type Task } from '../../config/tasks.ts';
import { VerdictConfig } from '../../config/verdict-config.ts';
import type { CategoryRule } from '../dataset/category-classes.ts';
import { folderOf, overviewFileIn, readersFileIn } from '../dataset/layout.ts';
import { readOverview } from '../dataset/overview.ts';
import { isSynthetic } from '../dataset/provenance.ts';
import { readersOn, readReaderAnnotations } from '../dataset/readers-annotations.ts';
import type { AccessibleFigure } from '../figures/report-figures.ts';
import { unlessMissing } from '../files/file-access.ts';
import { inside } from '../files/folders.ts';
import { AI, DetectionMetrics } from '../metrics/agreement.ts';
import { HeMetrics } from '../metrics/he-metrics.ts';
import { drawCellsLayers } from '../report/layers/cells-layers.ts';
import { type DrawnRoi, drawLayers, MAX_VIEWED, type RoiLayers, readLayersFile } from '../report/layers/draw-layers.ts';
import { drawTissueLayers } from '../report/layers/tissue-layers.ts';
import { figureGrid, forestPlot, placeFigures, STYLE_SWITCH } from '../report/page/figures.ts';
import { pictureOf, spotChecks } from '../report/page/gallery.ts';
import { decimal, type Html, html, NOTHING, table } from '../report/page/html.ts';
import { type StandalonePage, writeStandalonePage } from '../report/write-page.ts';
import { reportFolder } from '../results/results-folder.ts';
import { taskNamed } from '../tasks/task-named.ts';
import type { Evaluated, EvaluationInput, ScoreRow } from '../tasks/work.ts';
import { namesIn, namesLike, predictionName } from './prediction-files.ts';

/** Returns the headline of the page: the mean over the readers for points, or else the first score. */
export function evaluationAnswer(rows: readonly ScoreRow[], name: string): string {
  const withReaders = rows.filter(({ label }) => label.endsWith(`| ${AI}`)).flatMap(({ value }) => value ?? []);
  if (withReaders.length > 1) {
    const mean = withReaders.reduce((sum, value) => sum + value, 0) / withReaders.length;
    return `Mean ${name} with ${withReaders.length} readers: ${mean.toFixed(4)}`;
  }
  const first = rows.find(({ label }) => label.endsWith(`| ${AI}`)) ?? rows[0];
  return first === undefined ? 'No score.' : `${first.label}: ${name} ${first.value?.toFixed(4) ?? first.without}`;
}

/** Returns the path of an evaluation's page. Several tasks may share a folder. */
export function evaluationPage(out: string, task: Task): string {
  return join(reportFolder(out), `${task}.html`);
}

/**
 * Writes report/<task>.html of an evaluation: scores with intervals next to the published ones, figures, and ROIs in
 * the viewer.
 *
 * @param version - Version of this package.
 */
export async function writeEvaluationPage(
  task: Task,
  input: EvaluationInput,
  evaluated: Evaluated,
  version: string,
): Promise<void> {
  const { out, data, predictions } = input;
  const rois = (await roisOf(task, input)).slice(0, MAX_VIEWED);
  const layers = await drawLayers(out, rois, { known: await readLayersFile(out) });
  const overview = await readOverview(await overviewFileIn(data)).catch(() => []);
  const { rows, images } = evaluated;
  const name = taskNamed(task).scoreName;
  const accessible = await accessibleFigures(task, evaluated);
  const page: StandalonePage = {
    title: `${TASK_TITLES[task]}: ${basename(predictions)}`,
    question: `How do these predictions score? ${TASK_TITLES[task]}`,
    answer: evaluationAnswer(rows, name),
    tone: 'not comparable',
    lead: html`<strong>${basename(predictions)}</strong>, ${images} ${images === 1 ? 'ROI' : 'ROIs'}, scored under the paper's protocol on the record in ${basename(data)}.`,
    links: [
      ['scores', 'Scores'],
      ['figures', 'Figures'],
      ['rois', 'ROIs'],
    ],
    isSynthetic: isSynthetic(overview),
    main: html`<section><h2 id="scores">Scores</h2>${forestPlot(name, 'yours', rows)}
${remarksOf(evaluated)}<details><summary>Scores as a table</summary>${scoresTable(name, rows)}</details></section>
<section><h2 id="figures">Figures over all ROIs</h2>${accessible.length === 0 ? NOTHING : STYLE_SWITCH}${figureGrid(await placeFigures(out, task, accessible))}</section>
<section><h2 id="rois">ROIs</h2>${spotChecks(layers, { published: 'published', ours: 'yours' })}${gallery(task, rois, layers)}</section>`,
    footer: `Written by reignite ${version}. All numbers: metrics/.`,
    viewed: { words: { [task]: wordsOf(task) }, rois: layers.map(viewedOf) },
  };
  await writeStandalonePage(out, page, evaluationPage(out, task));
}

function scoresTable(name: string, rows: readonly ScoreRow[]): Html {
  const isCompared = rows.some(({ published }) => published !== undefined);
  const hasMissed = rows.some(({ missed }) => missed !== undefined);
  const head = ['', name, '95 % interval', ...(isCompared ? ['published', 'difference'] : [])];
  return table(
    `${name} of every class or pair`,
    [...head, ...(hasMissed ? ['unpredicted as missed'] : [])],
    rows.map(({ label, value, without, interval, published = null, missed = null }) => [
      label,
      value === null ? without : decimal(value),
      interval === undefined ? '–' : `${decimal(interval.low)} to ${decimal(interval.high)}`,
      ...(isCompared
        ? [
            decimal(value === null ? null : published),
            decimal(value === null || published === null ? null : value - published),
          ]
        : []),
      ...(hasMissed ? [decimal(value === null ? null : missed)] : []),
    ]),
  );
}

function remarksOf({ remarks, intervals }: Evaluated): Html {
  const all = [...remarks, ...intervals.warnings];
  return all.length === 0 ? NOTHING : html`<ul>${all.map((remark) => html`<li>${remark}</li>`)}</ul>`;
}

/** Returns the accessible figures of an evaluation; none if only some classes were scored. */
async function accessibleFigures(task: Task, { metrics, classes }: Evaluated): Promise<readonly AccessibleFigure[]> {
  if (classes !== undefined) return [];
  // Vega takes a second to load.
  const figures = await import('../figures/report-figures.ts');
  return CELL_TASKS.some((each) => each === task)
    ? figures.accessibleCellFigures(DetectionMetrics.parse(metrics), [])
    : figures.accessibleTissueFigures(HeMetrics.parse(metrics), { all: [], til: [] });
}

function gallery(task: Task, rois: readonly DrawnRoi[], layers: readonly RoiLayers[]): Html {
  if (rois.length === 0) return html`<p class="note">The images of the record were not found in the data folder.</p>`;
  const files = new Map(layers.map((each) => [each.roi, each.files]));
  const cards = rois.map(
    ({ roi }) =>
      html`<li data-roi="${roi}">${pictureOf(task, roi, files.get(roi) ?? {})}<div class="about"><strong>${roi}</strong></div></li>`,
  );
  return html`<ul class="gallery" aria-label="ROIs">${cards}</ul>`;
}

/** Lists the ROIs of the test set; empty if the list of ROIs is missing. */
async function roisOf(
  task: Task,
  { data, predictions, labels, categories = 'by-id' }: EvaluationInput,
): Promise<readonly DrawnRoi[]> {
  const listed = await listedIn(task, data);
  const cells = CELL_TASKS.find((each) => each === task);
  const readers = cells === undefined ? undefined : await readersIn(cells, data, categories);
  const { maxDistance } = VerdictConfig.parse({}).cells.tolerance;
  const [ending, folder] = [cells === undefined ? '.png' : '.npy', folderOf('inference', task)];
  const kind = cells === undefined ? 'mask' : 'points';
  const like = namesLike(await namesIn(predictions));
  return listed.map(({ roi, image, truth }): DrawnRoi => {
    const sides = {
      published: inside(data, `${folder}/${roi}${ending}`),
      ours: join(predictions, predictionName(roi, kind, like)),
      image: inside(data, image),
    };
    return {
      task,
      roi,
      sources: [...Object.values(sides), inside(data, truth)],
      settings: JSON.stringify([maxDistance, labels ?? null, categories]),
      draw: (limit, writer) =>
        cells === undefined
          ? drawTissueLayers({ ...sides, truth: inside(data, truth), labels }, limit, writer)
          : drawCellsLayers({ task: cells, ...sides, readers: readers?.(roi) ?? [], maxDistance }, limit, writer),
    };
  });
}

async function listedIn(task: Task, data: string) {
  return (await unlessMissing(taskNamed(task).listRois(data))) ?? [];
}

async function readersIn(task: CellTask, data: string, rule: CategoryRule) {
  const file = inside(data, await readersFileIn(data, task));
  const annotations = await readReaderAnnotations(file, task, 'first', rule);
  const ids = new Map(annotations.images.map(({ id, stem }) => [stem, id]));
  return (roi: string) => {
    const id = ids.get(roi);
    return id === undefined ? [] : readersOn(annotations, id);
  };
}

function viewedOf(layers: RoiLayers): StandalonePage['viewed']['rois'][number] {
  return { ...layers, verdict: 'not comparable', said: '', about: '' };
}

function wordsOf(task: Task) {
  const { viewer } = taskNamed(task);
  const differ = 'Where your prediction and the published one differ';
  const layers = { ...viewer.layers, ours: 'Your prediction', margin: '', differ };
  return { ...viewer, sides: ['published', 'yours'], layers };
}
