import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { Sha256 } from '../cache/file-digests.ts';
import { Verified } from '../cache/receipts.ts';
import { fileExists } from '../files/file-access.ts';
import { Environment } from '../report/environment.ts';
import { Summary } from '../report/summary.ts';
import { DiscrepanciesFile } from '../verdict/discrepancies/discrepancies-file.ts';
import { PatientsFile } from '../verdict/verdict-file.ts';
import { JsonResultsFile, patternOf, type ResultsEntry, ResultsFile } from './results-file.ts';

const Values = z.array(z.number().nullable()).readonly();

/**
 * `metrics/<task>.sweep.json`: the scores of a run at every confidence threshold. Each list has one value per
 * threshold.
 */
export const SweepFile = z.object({
  confidence: z.number().describe('Confidence of the run'),
  paper: z.number().describe("Confidence in the authors' code"),
  iou: z.number().describe('IoU threshold of the run'),
  images: z.int().describe('Images that count'),
  thresholds: z.array(z.number()).readonly(),
  points: z.array(z.int()).readonly().describe('Points of the AI'),
  curves: z
    .array(
      z.object({
        group: z.string(),
        reader: z.string(),
        macro: Values.describe('F1 with the AI, mean over the classes'),
        perClass: z.array(Values).readonly(),
      }),
    )
    .readonly(),
  tumourProportion: z
    .object({
      mean: Values.describe('TPS of the AI in percent, mean over the images'),
      readers: z
        .array(z.object({ reader: z.string(), meanAbsoluteDifference: Values.describe('In percentage points') }))
        .readonly(),
    })
    .exactOptional(),
});
export type SweepFile = z.infer<typeof SweepFile>;

/** `metrics/<task>.source.json`: what an evaluation scored, so that two of them can be compared. */
export const EvaluationSource = z.object({
  data: z.string().describe('Absolute data folder'),
  predictions: z.string().describe('Absolute folder of the predictions'),
  files: z
    .record(z.string(), Sha256)
    .exactOptional()
    .describe('SHA-256 of each scored file, by file name; missing if an earlier version scored them'),
  truth: z
    .record(z.string(), Sha256)
    .exactOptional()
    .describe('SHA-256 of the ground truth of each ROI or image; missing if an earlier version scored them'),
  classes: z.array(z.string()).exactOptional().describe('Classes named with --classes'),
  categories: z.enum(['by-id', 'by-name']).exactOptional(),
  labels: z
    .array(z.int().nullable())
    .exactOptional()
    .describe("Label of the paper for each of the 256 values of a mask, where the masks' values are not the paper's"),
});
export type EvaluationSource = z.infer<typeof EvaluationSource>;

/** What reports use of the list of fetched files. */
const Acquired = z.object({
  files: z
    .array(z.object({ verified: Verified }))
    .readonly()
    .default([]),
});

/**
 * All files of a results folder. This is the only place that defines their paths. docs/outputs.md, the names in the
 * RO-Crate and the check of the manifest are derived from it.
 */
export const RESULTS = {
  readme: new ResultsFile('README.md', 'What is in this folder', 'toolkit/report/write-report.ts'),
  summary: new JsonResultsFile(
    'summary.json',
    'How the run ended, and its verdicts',
    'activities/report/run-results.ts',
    Summary,
  ),
  configuration: new ResultsFile(
    'configuration.yaml',
    'The effective configuration of the run, as `--profile` takes it',
    'activities/report/run-results.ts',
  ),
  environment: new JsonResultsFile(
    'environment/<machine>.json',
    'A machine that worked on the run: versions, processor, provider',
    'toolkit/results/results-folder.ts',
    Environment,
  ),
  acquisition: new JsonResultsFile(
    'acquisition.json',
    'The downloaded files of the record, with sizes, MD5 and SHA-256',
    'activities/report/write-report.ts',
    Acquired,
  ),
  model: new JsonResultsFile(
    'models/<task>.json',
    'The model of a task: digests, architecture, operators, parameters',
    'activities/task/prepare-task.ts',
    z.unknown(),
  ),
  mask: new ResultsFile(
    'inference/<folder>/<roi>.png',
    'Predicted labels of a tissue ROI, named as in the record',
    'activities/task/infer-roi.ts',
  ),
  points: new ResultsFile(
    'inference/<folder>/<roi>.npy',
    'Predicted cells of an ROI (x, y, class), named as in the record; no file where no cell was found',
    'activities/task/infer-roi.ts',
  ),
  confidence: new ResultsFile(
    'confidence/<task>/<roi>.png',
    'Confidence of a tissue ROI: difference of the two largest class probabilities of each pixel, 16 bits',
    'activities/task/infer-roi.ts',
  ),
  candidates: new JsonResultsFile(
    'candidates/<task>/<roi>.json',
    'Candidates of an ROI with detection score above 0.25, or the threshold if lower: class, score, box, NMS outcome',
    'activities/task/infer-roi.ts',
    z.unknown(),
  ),
  caseFigure: new ResultsFile(
    'figures/<folder>/cases/<roi>.png',
    'Image, ground truth and prediction of a tissue ROI',
    'activities/task/draw-figures.ts',
  ),
  figure: new ResultsFile(
    'figures/<folder>/<figure>',
    'Figures of a task and their numbers, named as in the record',
    'activities/task/draw-figures.ts',
  ),
  metrics: new JsonResultsFile('metrics/<task>.json', 'Scores of a task', 'activities/task/score-task.ts', z.unknown()),
  remarks: new JsonResultsFile(
    'metrics/<task>.remarks.json',
    'What the scores of a cell task leave out, and why',
    'activities/task/score-task.ts',
    z.unknown(),
  ),
  sweep: new JsonResultsFile(
    'metrics/<task>.sweep.json',
    'F1 and TPS of a cell task at every confidence threshold',
    'activities/task/score-task.ts',
    SweepFile,
  ),
  intervals: new JsonResultsFile(
    'metrics/<task>.intervals.json',
    'Intervals of the scores, and what the predictions leave out; written by `evaluate`',
    'toolkit/evaluate/evaluation.ts',
    z.unknown(),
  ),
  evaluatedPatients: new JsonResultsFile(
    'metrics/<task>.patients.json',
    'Counts per patient from which the intervals of `evaluate` are computed',
    'toolkit/evaluate/evaluation.ts',
    PatientsFile,
  ),
  source: new JsonResultsFile(
    'metrics/<task>.source.json',
    'Which predictions `evaluate` scored, and how it read their labels; for `compare`',
    'toolkit/evaluate/evaluation.ts',
    EvaluationSource,
  ),
  classes: new JsonResultsFile(
    'metrics/<task>.classes.json',
    'Scores of the classes that `evaluate --classes` names',
    'toolkit/evaluate/evaluation.ts',
    z.unknown(),
  ),
  verdict: new JsonResultsFile(
    'verdict/<task>.json',
    'Verdict of a task with its evidence, per ROI and with intervals',
    'activities/task/score-task.ts',
    z.unknown(),
  ),
  patients: new JsonResultsFile(
    'verdict/<task>.patients.json',
    'Counts per patient from which the intervals are computed',
    'activities/task/score-task.ts',
    z.unknown(),
  ),
  resamples: new ResultsFile(
    'verdict/<task>.resamples.npy',
    'Which patients each resample draws, one row per resample',
    'activities/task/score-task.ts',
  ),
  declared: new ResultsFile(
    'verdict/<task>-declared.json',
    'Which ROIs were detected again with the settings that the authors declare',
    'activities/task/infer-roi.ts',
  ),
  declaredPoints: new ResultsFile(
    'verdict/<task>-declared/<roi>.npy',
    'Cells found with the declared settings',
    'activities/task/infer-roi.ts',
  ),
  declaredCandidates: new ResultsFile(
    'verdict/<task>-declared/<roi>.json',
    'Candidates found with the declared settings',
    'activities/task/infer-roi.ts',
  ),
  rounding: new ResultsFile(
    'verdict/window-rounding.json',
    'Pixels and Dice that change if tile positions are rounded half up',
    'activities/task/infer-roi.ts',
  ),
  discrepancies: new JsonResultsFile(
    'verdict/discrepancies.json',
    'Discrepancy report: where code, paper and record disagree, with the measured effect',
    'activities/task/score-task.ts',
    DiscrepanciesFile,
  ),
  trace: new ResultsFile(
    'trace.jsonl',
    'When each activity of the run waited and worked',
    'activities/report/write-trace.ts',
  ),
  page: new ResultsFile(
    'report/index.html',
    'The report: verdicts with their evidence; opens from disk',
    'toolkit/report/write-page.ts',
  ),
  layers: new ResultsFile(
    'report/assets/layers.json',
    'Layers of the viewer, and what they were made from',
    'toolkit/report/layers/draw-layers.ts',
  ),
  badge: new ResultsFile('report/assets/badge.svg', 'The verdict as a badge', 'toolkit/report/write-page.ts'),
  script: new ResultsFile('report/assets/report.js', 'The script of the report', 'toolkit/report/write-page.ts'),
  styles: new ResultsFile('report/assets/report.css', 'The styles of the report', 'toolkit/report/write-page.ts'),
  methods: new ResultsFile(
    'report/assets/methods.txt',
    'The methods paragraph of the report as plain text',
    'toolkit/report/write-page.ts',
  ),
  reportFigure: new ResultsFile(
    'report/assets/figures/<task>/<figure>',
    'Figures that the report shows',
    'toolkit/report/page/figures.ts',
  ),
  layer: new ResultsFile(
    'report/assets/<task>/<roi>/<layer>',
    'One layer of the viewer',
    'toolkit/report/layers/draw-layers.ts',
  ),
  reportZip: new ResultsFile('report.zip', 'The report as one file', 'toolkit/report/write-report.ts'),
  workflow: new ResultsFile(
    'workflow/reproduce.ts',
    'Source of the workflow that was run, for the RO-Crate',
    'toolkit/report/write-crate.ts',
  ),
  certificate: new ResultsFile(
    'codecheck.yml',
    'What was checked, when, and with what result, as a CODECHECK configuration file',
    'toolkit/report/write-report.ts',
  ),
  crate: new ResultsFile(
    'ro-crate-metadata.json',
    'The folder as a Workflow Run RO-Crate',
    'toolkit/report/write-crate.ts',
  ),
  manifest: new ResultsFile(
    'manifest.sha256',
    'SHA-256 of every other file, in the format of `sha256sum -c`',
    'toolkit/report/manifest.ts',
  ),
} as const;

/** Folders with a file per ROI: the RO-Crate lists only the folder, the manifest every file. */
const RESULTS_FOLDERS: Readonly<Record<string, string>> = {
  'inference/': 'Masks and points, laid out as in the record',
  'figures/': 'Figures, laid out as in the record',
  'confidence/': 'Confidence of every pixel',
  'candidates/': 'What the detectors found, with detection scores',
  'verdict/<task>-declared/': 'What the detector found with the declared settings',
  'report/': 'The report and its files',
};

/** Returns the folder of the report in a results folder. It is self-contained and can be moved. */
export function reportFolder(results: string): string {
  return join(results, 'report');
}

/**
 * Returns the entry that a path, relative to a results folder, belongs to; undefined for a file that reignite does not
 * write.
 */
export function entryOf(path: string): ResultsEntry | undefined {
  const entries: readonly ResultsEntry[] = Object.values(RESULTS);
  // `verdict/discrepancies.json` also looks like a `verdict/<task>.json`.
  const literal = (entry: ResultsEntry) => entry.path.replaceAll(/<[^>]*>/g, '').length;
  return entries.filter((entry) => entry.covers(path)).sort((a, b) => literal(b) - literal(a))[0];
}

/** Returns the folder with a file per ROI that a path, relative to a results folder, is in; undefined outside these. */
export function folderOf(path: string): { readonly path: string; readonly about: string } | undefined {
  for (const [folder, about] of Object.entries(RESULTS_FOLDERS)) {
    const found = new RegExp(`^${patternOf(folder)}`).exec(path)?.[0];
    if (found !== undefined) return { path: found, about };
  }
  return undefined;
}

/** Records a machine that works on a run, if it is not recorded yet. */
export async function recordEnvironment(results: string, machine: Environment): Promise<void> {
  const text = `${JSON.stringify(machine, null, 1)}\n`;
  const name = `${machine.role}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
  if (!(await fileExists(RESULTS.environment.in(results, name))))
    await RESULTS.environment.write(results, machine, name);
}

/** Reads the machines that worked on a run, by name. */
export async function readEnvironments(results: string): Promise<readonly Environment[]> {
  const names = await readdir(dirname(RESULTS.environment.in(results, 'any'))).catch(() => []);
  const machines = names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => RESULTS.environment.read(results, basename(name, '.json')));
  return Promise.all(machines);
}
