import type { Task } from '../../config/tasks.ts';
import type { VerdictConfig } from '../../config/verdict-config.ts';
import { HIT_RADIUS } from '../dataset/readers.ts';
import { describeFolds } from '../nnunet/model-folds.ts';
import { TASK_SETTINGS } from '../yolov5/task-settings.ts';
import type { ReportData } from './report-data.ts';

/** Methods of a run for a paper, a paragraph each, from its configuration and what was written down while it went on. */
export function methodsText(data: ReportData): string[] {
  const { summary, configuration: config, environments, tasks } = data;
  const version = environments[0]?.reignite;
  const software = version === undefined ? 'reignite' : `reignite ${version}`;
  const when = summary.ended === undefined ? '' : ` on ${summary.ended.slice(0, 10)}`;
  const named = tasks.map(({ task }) => (config === undefined ? undefined : TASK_METHODS[task](config, data)));
  return [
    `The technical validation of the IGNITE data toolkit (Zenodo record ${summary.record}) was run again with ${software}${when}. Every downloaded file was verified by its MD5; the published checkpoints were converted to ONNX without executing anything in them, and results were scored as the authors' code scores them.`,
    ...named.filter((text) => text !== undefined),
    ...enginesText(data),
    ...(config === undefined ? [] : [tolerancesText(config.verdict)]),
    ...intervalsText(data),
  ];
}

type Config = NonNullable<ReportData['configuration']>;

const TASK_METHODS: Readonly<Record<Task, (config: Config, data: ReportData) => string>> = {
  he: ({ he }, { folds = [] }) =>
    `H&E tissue was segmented with ${he.model === undefined ? "the record's" : 'another'} nnU-Net v1 ensemble${folds.length === 0 ? '' : ` (${describeFolds(folds)})`} over ${he.scope === 'full' ? 'every pixel of each region' : 'the tiles that hold annotated pixels'}: overlapping tiles with half a patch between them, Gaussian weights, softmax averaged over the folds, the most probable of 17 labels. Dice was computed from the confusion of all test regions together, with true Background cleared as in the authors' code.`,
  nuclei: ({ nuclei }) =>
    `Nuclei were detected with ${nuclei.model === undefined ? "the record's" : 'another'} YOLOv5 detector ${settingsOf('nuclei')}.`,
  pdl1: ({ pdl1 }) =>
    `PD-L1 positive and negative tumour cells and other cells were detected with ${pdl1.model === undefined ? "the record's" : 'another'} YOLOv5 detector ${settingsOf('pdl1')}.`,
};

function settingsOf(task: Exclude<Task, 'he'>): string {
  const { tile, confidence, iou } = TASK_SETTINGS[task];
  return `in tiles of ${tile} px (confidence above ${confidence}, IoU threshold ${iou}) and matched with the points of every reader within ${HIT_RADIUS[task]} px, one to one; F1 is over all images of a pair, a mean over the classes`;
}

function enginesText({ environments, tasks }: ReportData): string[] {
  const engines = tasks.flatMap(({ engine }) => (engine === undefined ? [] : [engine]));
  if (engines.length === 0) return [];
  const said = engines.map(({ ortVersion, provider }) => `ONNX Runtime ${ortVersion} (${provider})`);
  const machines = environments
    .filter(({ role }) => role === 'inference')
    .map(({ processor, platform }) => `${processor}, ${platform}`);
  const where = machines.length === 0 ? '' : ` on ${[...new Set(machines)].join(', and ')}`;
  return [`Networks ran in float32 with ${[...new Set(said)].join(', and ')}${where}.`];
}

function tolerancesText({ he, cells }: VerdictConfig): string {
  const percent = (share: number) => `${Number((100 * share).toPrecision(6))} %`;
  return (
    `A prediction counted as reproduced when at most ${percent(he.sameDiffering)} of the pixels differed, all with a margin (best minus second-best softmax) of at most ${he.sameMargin}; for cells, when every point had a counterpart of its class within ${cells.sameDistance} px or a score within ${cells.sameScore} of the threshold. ` +
    `It counted as within tolerance when at most ${percent(he.nearDiffering)} of the pixels differed, ${percent(he.nearMarginShare)} of them with a margin of at most ${he.nearMargin}, and every Dice lay within ${he.nearDice} (classes of fewer than ${he.smallClass} true pixels were not judged); for cells, when ${percent(cells.nearMatched)} of the points had a counterpart within ${cells.nearDistance} px and every F1 lay within ${cells.nearF1}. ` +
    'All of it had to hold in every region and over all; nothing was corrected for multiplicity.'
  );
}

function intervalsText({ tasks }: ReportData): string[] {
  const [known] = tasks.flatMap(({ uncertainty }) => (uncertainty === undefined ? [] : [uncertainty]));
  if (known === undefined) return [];
  const patients = tasks.map(({ task, uncertainty }) => `${uncertainty?.patients ?? 0} (${task})`).join(', ');
  return [
    `Intervals are 95 % percentile intervals of ${known.resamples} resamples of patients (${patients}; ${known.generator}, seed ${known.seed}), with linear quantiles; the regions of a patient stay together, and differences are paired.`,
  ];
}
