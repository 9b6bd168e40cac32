import { readdir } from 'node:fs/promises';
import { basename, join, parse } from 'node:path';
import { z } from 'zod';
import { CELL_TASKS, TASKS, type Task } from '../../config/tasks.ts';
import { folderOf, overviewFileIn } from '../dataset/layout.ts';
import { readOverview } from '../dataset/overview.ts';
import { isSynthetic } from '../dataset/provenance.ts';
import type { LabelTranslation } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import { namesLike, predictionName } from '../evaluate/prediction-files.ts';
import { fileExists, statIfThere } from '../files/file-access.ts';
import { sha256OfFile } from '../files/hash-file.ts';
import { cellFiles, type ImagePrediction, isOfSlide, type TumourShare, tissueFiles } from '../predict/prediction.ts';
import { type PredictionSummary, readPredictionSummary } from '../predict/prediction-summary.ts';
import { readConfiguration } from '../report/configuration.ts';
import { provenanceOf, type Summary } from '../report/summary.ts';
import { type EvaluationSource, RESULTS, readEnvironments } from '../results/results-folder.ts';
import { cellDefinition, settingsInEffect } from '../tasks/registry.ts';
import { taskNamed } from '../tasks/task-named.ts';
import { PatientsFile, VerdictEngine } from '../verdict/verdict-file.ts';

/** What wrote one of the two folders to compare. */
type SideKind = 'run' | 'evaluation' | 'prediction';

/** A task of a side: the paths of its predictions, and their scores. */
export interface SideTask {
  /** Absolute path of every prediction, by name of the ROI or image. The file may be missing for an image without cells. */
  readonly predictions: ReadonlyMap<string, string>;
  /** Counts of each patient, of which `ours` is this side; undefined if there is no ground truth. */
  readonly counts?: PatientsFile;
  /** Evaluations only: SHA-256 of the ground truth by ROI or image; undefined if an earlier version scored them. */
  readonly truth?: Readonly<Record<string, string>>;
  /** Translation of its mask values, if they are not the paper's labels. */
  readonly labels?: LabelTranslation;
  /** Names of the label values or classes of a custom model. */
  readonly labelNames?: readonly { readonly value: number; readonly name: string }[];
  /** Absolute paths of the images, by the same names, if known. */
  readonly images: ReadonlyMap<string, string>;
  /** What was predicted, by the same names, if known. */
  readonly sources?: ReadonlyMap<string, SideImage>;
  /** Images that are whole slides, by the same names. */
  readonly slides?: ReadonlyMap<string, SideSlide>;
}

/** A predicted image or whole slide of a side. */
export interface SideImage {
  /** SHA-256 of the file; missing if an earlier version predicted it. */
  readonly sha256?: string;
  /** Size in px; of a slide, that of its largest level. */
  readonly width: number;
  readonly height: number;
}

/** A predicted whole slide of a side. */
export interface SideSlide extends SideImage {
  /** Size in px at which the network saw it. */
  readonly seen: { readonly width: number; readonly height: number };
  /** Pixel size of the largest level in µm, if known. */
  readonly mpp?: number;
  /** Absolute path of the small picture of the slide with darkened glass, if it was written. */
  readonly picture?: string;
  /** Share of PD-L1 positive cells among all tumour cells, if computed. */
  readonly tumour?: TumourShare;
}

/** One of the two folders to compare. */
export interface Side {
  /** As the user named it. */
  readonly name: string;
  readonly kind: SideKind;
  /** Absolute path. */
  readonly folder: string;
  /** Number of the record, if known. */
  readonly record?: string;
  /** Absolute data folder, if known. */
  readonly data?: string;
  /** Whether its images are marked as synthetic, so that the comparison says nothing about the paper. */
  readonly isSynthetic: boolean;
  /** Settings, models and versions, which are listed if they differ. */
  readonly about: ReadonlyMap<string, string>;
  readonly tasks: ReadonlyMap<Task, SideTask>;
}

/** Options for reading a folder. */
export interface SideOptions {
  /** As the user named it. */
  readonly name: string;
  /** Absolute data folder. Default: the one that an evaluation recorded. */
  readonly data?: string | undefined;
}

/**
 * Reads a folder that was written by a run, by `evaluate` or by `predict`.
 *
 * @throws ReigniteError NOT_COMPARABLE for any other folder; RUN_OPEN for a run that has not ended.
 */
export async function readSide(folder: string, options: SideOptions): Promise<Side> {
  const summary = await RESULTS.summary.readIfValid(folder);
  if (summary !== undefined) return readRun(folder, summary, options);
  if (await fileExists(RESULTS.summary.in(folder))) {
    return predictionSide(folder, await readPredictionSummary(folder), options);
  }
  return readEvaluation(folder, options);
}

async function readRun(folder: string, summary: Summary, { name, data }: SideOptions): Promise<Side> {
  if (summary.status === 'running') {
    throw new ReigniteError('RUN_OPEN', `The run ${summary.run} is open: its results are not complete yet.`, {
      remedy: 'Wait until it has ended. If it was interrupted, run its own command again first.',
    });
  }
  const about = new Map<string, string>();
  const config = await readConfiguration(folder);
  const compared = config === undefined ? {} : { inference: config.inference, ...pick(config, TASKS) };
  for (const [field, value] of flat(compared)) about.set(field, value);
  for (const task of CELL_TASKS) {
    for (const [field, value] of flat(settingsInEffect(cellDefinition(task), config?.[task] ?? {}))) {
      if (summary.tasks[task] !== undefined) about.set(`${task}.${field}`, value);
    }
  }
  const tasks = new Map<Task, SideTask>();
  for (const task of TASKS) {
    if (summary.tasks[task] === undefined) continue;
    const { engine } = Judged.parse((await RESULTS.verdict.readIfThere(folder, task)) ?? {});
    for (const [field, value] of flat({ ...engine })) about.set(`${task}: ${field}`, value);
    const counts = patientsIn(await RESULTS.patients.readIfThere(folder, task));
    const failed = new Set(summary.tasks[task].failures.map(({ roi }) => roi));
    const listed = counts?.patients.flatMap(({ rois }) => rois) ?? [];
    const inference = join(folder, folderOf('inference', task));
    const rois = new Set([...listed, ...(await stemsIn(inference))].filter((roi) => !failed.has(roi)));
    const predictions = new Map([...rois].sort().map((roi) => [roi, join(inference, `${roi}${endingOf(task)}`)]));
    tasks.set(task, { predictions, images: new Map(), ...(counts && { counts }) });
  }
  const versions = new Set((await readEnvironments(folder)).map(({ reignite }) => reignite));
  about.set('reignite', [...versions].sort().join(', '));
  about.set('record', summary.record);
  const isMarked = provenanceOf(summary).kind === 'synthetic';
  return {
    name,
    kind: 'run',
    folder,
    record: summary.record,
    ...(data && { data }),
    isSynthetic: isMarked,
    about,
    tasks,
  };
}

async function readEvaluation(folder: string, { name, data }: SideOptions): Promise<Side> {
  const tasks = new Map<Task, SideTask>();
  const about = new Map<string, string>();
  let known = data;
  for (const task of TASKS) {
    const source = await RESULTS.source.readIfThere(folder, task);
    if (source === undefined) continue;
    known ??= source.data;
    about.set(`${task}: predictions`, source.predictions);
    about.set(`${task}: categories`, source.categories ?? 'by-id');
    if (source.classes !== undefined) about.set(`${task}: classes`, source.classes.join(', '));
    const counts = await RESULTS.evaluatedPatients.readIfThere(folder, task);
    const like = namesLike(Object.keys(source.files ?? {}));
    const rois = new Set([...(counts?.patients.flatMap((patient) => patient.rois) ?? [])]);
    const kind = taskNamed(task).viewer.isMask ? 'mask' : 'points';
    const pathOf = (roi: string) => join(source.predictions, predictionName(roi, kind, like));
    const predictions = new Map([...rois].sort().map((roi) => [roi, pathOf(roi)]));
    await refuseChanged(source, [...predictions.values()]);
    const labels = source.labels?.map((value) => value ?? undefined);
    const { truth } = source;
    const scored = { ...(counts && { counts }), ...(truth && { truth }), ...(labels && { labels }) };
    tasks.set(task, { predictions, images: new Map(), ...scored });
  }
  if (tasks.size > 0) {
    const isMarked = known !== undefined && (await isSyntheticRecord(known));
    return { name, kind: 'evaluation', folder, ...(known && { data: known }), isSynthetic: isMarked, about, tasks };
  }
  for (const own of ['boxes', 'masks']) {
    if (!(await fileExists(join(folder, 'metrics', `${own}.json`)))) continue;
    throw new ReigniteError(
      'NOT_COMPARABLE',
      `${folder} holds scores of \`evaluate --${own}\`, which name no record.`,
      {
        remedy: 'Compare the folders that `npx reignite predict` wrote.',
      },
    );
  }
  const isOld = (await statIfThere(join(folder, 'metrics'))) !== undefined;
  throw new ReigniteError(
    'NOT_COMPARABLE',
    isOld
      ? `${folder} holds metrics that do not say which predictions they are of.`
      : `${folder} holds neither a run, nor an evaluation, nor predictions.`,
    isOld ? { remedy: 'Run the same `npx reignite evaluate` again, then compare.' } : {},
  );
}

/**
 * Makes sure that predictions are still those that were scored.
 *
 * @param used - Paths of the predictions to compare; those of images without cells may not exist.
 * @throws ReigniteError NOT_COMPARABLE when one has changed, is gone, or was added.
 */
async function refuseChanged({ predictions, files }: EvaluationSource, used: readonly string[]): Promise<void> {
  if (files === undefined) return;
  const refusal = (path: string, what: string) =>
    new ReigniteError('NOT_COMPARABLE', `${path} ${what}.`, {
      remedy: 'Run the same `npx reignite evaluate` again, then compare.',
    });
  for (const [file, sha256] of Object.entries(files)) {
    const path = join(predictions, file);
    const found = await sha256OfFile(path).catch(() => undefined);
    if (found === undefined) throw refusal(path, 'was scored, but can no longer be read');
    if (found !== sha256) throw refusal(path, 'has changed since it was scored');
  }
  for (const path of used) {
    if (!(basename(path) in files) && (await fileExists(path))) throw refusal(path, 'was added after the evaluation');
  }
}

function predictionSide(folder: string, summary: PredictionSummary, { name, data }: SideOptions): Side {
  const { task, model, settings, images } = summary;
  const isCells = CELL_TASKS.some((each) => each === task);
  // The files of a whole slide differ from those of an image.
  const fileOf = ({ name: image, files }: PredictionSummary['images'][number]) =>
    join(folder, isCells ? (files['points'] ?? cellFiles(image).points) : (files['mask'] ?? tissueFiles(image).mask));
  const { path, digest, ...more } = model;
  const about = new Map(flat({ ...settings, model: { path: basename(path), digest, folds: more.folds } }));
  const predictions = new Map(images.map((image) => [image.name, fileOf(image)]));
  const paths = new Map(images.map((image) => [image.name, image.image]));
  const sources = new Map(images.map((image) => [image.name, imageOf(image)]));
  const labelNames = model.labels ?? namesIn(images);
  const slides = new Map(images.filter(isOfSlide).map((image) => [image.name, slideOf(folder, image)]));
  const found = { predictions, images: paths, sources, slides, ...(labelNames && { labelNames }) };
  // `isSynthetic` is false since the images are the user's; the notes of each say what is known about it.
  return {
    name,
    kind: 'prediction',
    folder,
    ...(data && { data }),
    isSynthetic: false,
    about,
    tasks: new Map([[task, found]]),
  };
}

/** Returns the names of labels or classes that the images list, sorted by value. */
function namesIn(images: PredictionSummary['images']): SideTask['labelNames'] {
  const named = images.flatMap(
    ({ counts = [], areas = [] }): NonNullable<SideTask['labelNames']> => [...counts, ...areas],
  );
  const names = new Map(named.map(({ value, name }) => [value, name]));
  return names.size === 0 ? undefined : [...names].sort(([a], [b]) => a - b).map(([value, name]) => ({ value, name }));
}

function imageOf({ sha256, width, height }: ImagePrediction): SideImage {
  return { ...(sha256 !== undefined && { sha256 }), width, height };
}

function slideOf(folder: string, image: ImagePrediction): SideSlide {
  const { width, height, resampledTo, mpp, files, tumourProportion: tumour } = image;
  const picture = files['tissuePicture'];
  return {
    ...imageOf(image),
    seen: resampledTo ?? { width, height },
    ...(mpp !== undefined && { mpp }),
    ...(picture !== undefined && { picture: join(folder, picture) }),
    ...(tumour && { tumour }),
  };
}

const Judged = z.object({ engine: VerdictEngine.optional() });

async function isSyntheticRecord(data: string): Promise<boolean> {
  const overview = await readOverview(await overviewFileIn(data)).catch(() => undefined);
  return overview !== undefined && isSynthetic(overview);
}

function endingOf(task: Task): string {
  return taskNamed(task).viewer.isMask ? '.png' : '.npy';
}

async function stemsIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => parse(name).name);
}

/** Flattens an object to field names such as `a.b`, with the values as text. */
function flat(value: object, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]): [string, string][] => {
    if (inner === undefined) return [];
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) return flat(inner, `${prefix}${name}.`);
    return [[`${prefix}${name}`, typeof inner === 'string' ? inner : JSON.stringify(inner)]];
  });
}

function pick<Value extends object, Key extends keyof Value>(value: Value, keys: readonly Key[]): object {
  return Object.fromEntries(keys.map((key) => [key, value[key]]));
}

function patientsIn(file: unknown): PatientsFile | undefined {
  return file === undefined ? undefined : PatientsFile.parse(file);
}
