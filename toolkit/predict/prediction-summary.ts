import { join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { TASKS, type Task } from '../../config/tasks.ts';
import { ERRORS, type ErrorCode, ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { statIfThere } from '../files/file-access.ts';
import { readJsonFile, readJsonIfValid } from '../files/text-file.ts';
import { counted, csvField, escapedForRegExp, grouped } from '../format.ts';
import { AdapterNames, adapterText, batchText, SumsChoice } from '../onnx/session/engine-choice.ts';
import { Summary } from '../report/summary.ts';
import { taskNamed } from '../tasks/task-named.ts';
import { type ClassCount, type ImagePrediction, PredictionSettings, UsedModel } from './prediction.ts';

const NAME_IT = 'Name the output folder of `npx reignite predict`.';
const NAME_WIDTH = 28;
/** With more classes than this, only those that occur are listed. */
const FEW_CLASSES = 10;
/** With more regions than this, the others are only in the table of the slide. */
const MANY_REGIONS = 20;
/** Areas below it need more than four decimal places. */
const SMALL_MM2 = 0.001;

/**
 * Describes the prediction of one image in lines of text.
 *
 * @param isQuiet - Whether to leave out the notes.
 */
export function describePrediction(image: ImagePrediction, isQuiet = false): string[] {
  const size = `${image.width} x ${image.height} px${image.mpp === undefined ? '' : `, ${image.mpp} µm/px`}`;
  const how = image.cached ? 'from the cache' : `${image.seconds.toFixed(1)} s on ${engineText(image)}`;
  return [
    `${image.name}: ${size}, ${how}`,
    ...(image.areas ?? []).map(({ name, share, mm2 }) =>
      row(name, `${(100 * share).toFixed(2).padStart(6)} %${mm2 === undefined ? '' : `  ${mm2.toFixed(4)} mm²`}`),
    ),
    ...countRows(image.counts ?? []),
    ...regionRows(image),
    ...outlinesOf(image),
    ...(isQuiet ? [] : image.notes).map((note) => `  ${note}`),
  ];
}

function engineText({ provider, engine, precision = 'float32', batchSize, ...names }: ImagePrediction): string {
  const on = names.adapter === undefined ? provider : `${provider} (${adapterText(names)})`;
  const sums = engine === undefined ? [] : [`${engine} engine`, precision];
  return [on, ...sums, batchText(batchSize)].filter((part) => part !== undefined).join(', ');
}

function countRows(counts: readonly ClassCount[]): string[] {
  const found = counts.length > FEW_CLASSES ? counts.filter(({ count }) => count > 0) : counts;
  const rows = found.map(({ name, count, perMm2 }) =>
    row(name, `${String(count).padStart(6)}${perMm2 === undefined ? '' : `  ${perMm2.toFixed(1)} /mm²`}`),
  );
  const absent = counts.length - found.length;
  return absent === 0 ? rows : [...rows, `  ${absent} ${found.length > 0 ? 'other ' : ''}classes: none found`];
}

/** Describes the cells in each region that the user drew on a slide. */
function regionRows({ ofRegions = [] }: ImagePrediction): string[] {
  const rows = ofRegions.slice(0, MANY_REGIONS).map(({ name, mm2, counts, tumour }) => {
    const cells = counts.reduce((sum, count) => sum + count, 0);
    const area = mm2 === undefined ? '' : `, ${areaText(mm2)} mm²`;
    const share = tumour === undefined ? '' : `, tumour proportion ${proportionText(tumour.percent)} (research only)`;
    return `  region ${name}: ${counted(cells, 'cell')}${area}${share}`;
  });
  const others = ofRegions.length - rows.length;
  return others === 0 ? rows : [...rows, `  ${counted(others, 'more region')}: see the table in regions/`];
}

function areaText(mm2: number): string {
  return mm2 === 0 || mm2 >= SMALL_MM2 ? mm2.toFixed(4) : String(Number(mm2.toPrecision(2)));
}

function proportionText(percent: number | null): string {
  return percent === null ? 'not defined: no tumour cell' : `${percent.toFixed(1)} %`;
}

function outlinesOf({ regions, leftOut, width, height }: ImagePrediction): string[] {
  if (regions === undefined || leftOut === undefined || leftOut.regions === 0) return [];
  const share = ((100 * leftOut.pixels) / (width * height)).toFixed(2);
  const smaller = counted(leftOut.regions, 'smaller region');
  const outlines = counted(regions, 'outline');
  return [
    `  ${outlines}; ${smaller} (${grouped(leftOut.pixels)} px, ${share} % of the image) left out by --min-area (0 keeps all)`,
  ];
}

/** Describes the failure of an image for the user. */
export function describeFailure({ code, cause, remedy }: ImageFailure): string {
  return `error ${code}: ${cause}\n  ${remedy}`;
}

/** Formats the numbers of all images as CSV, one line per image and class. */
function predictionTable(images: readonly ImagePrediction[]): string {
  const areas = images.flatMap(({ name, areas = [] }) =>
    areas.map((area) => [csvField(name), area.value, csvField(area.name), area.pixels, area.share, area.mm2 ?? '']),
  );
  const counts = images.flatMap(({ name, counts = [] }) =>
    counts.map((each) => [csvField(name), each.value, csvField(each.name), each.count, each.perMm2 ?? '']),
  );
  const isTissue = images.some(({ areas: of }) => of !== undefined);
  const head = isTissue ? 'image,label,name,pixels,share,mm2' : 'image,class,name,cells,per_mm2';
  return `${[head, ...(isTissue ? areas : counts).map((cells) => cells.join(','))].join('\n')}\n`;
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(NAME_WIDTH)} ${value}`;
}

const Size = z.object({ width: z.int(), height: z.int() });
const ClassArea = z.object({
  value: z.int(),
  name: z.string(),
  pixels: z.int(),
  share: z.number(),
  mm2: z.number().exactOptional(),
});
const CountOfClass = z.object({
  value: z.int(),
  name: z.string(),
  count: z.int(),
  perMm2: z.number().exactOptional(),
});

const TumourShare = z.object({ positive: z.int(), negative: z.int(), percent: z.number().nullable() });

/** Schema of an `ImagePrediction` in JSON, in the order of its fields. */
export const PredictedImage = z.object({
  image: z.string(),
  name: z.string(),
  sha256: z.string().exactOptional().describe('Of the file'),
  ...Size.shape,
  mpp: z.number().exactOptional(),
  resampledTo: Size.exactOptional(),
  cached: z.boolean(),
  key: z.string().exactOptional(),
  provider: z.string(),
  ...AdapterNames.shape,
  ...SumsChoice.shape,
  seconds: z.number(),
  notes: z.array(z.string()),
  cells: z.int().exactOptional(),
  outside: z.int().exactOptional(),
  counts: z.array(CountOfClass).exactOptional(),
  tumourProportion: TumourShare.exactOptional(),
  ofRegions: z
    .array(
      z.object({
        name: z.string(),
        mm2: z.number().exactOptional(),
        counts: z.array(z.int()),
        tumour: TumourShare.exactOptional(),
      }),
    )
    .exactOptional(),
  medianConfidence: z.number().exactOptional(),
  unclearShare: z.number().exactOptional(),
  medianScore: z.number().exactOptional(),
  weakCandidates: z.int().exactOptional(),
  areas: z.array(ClassArea).exactOptional(),
  regions: z.int().exactOptional().describe('Outlines written'),
  leftOut: z
    .object({ regions: z.int(), pixels: z.int() })
    .exactOptional()
    .describe('Regions that are too small for an outline (--min-area), and all their pixels'),
  files: z.record(z.string(), z.string()),
});

/** An image that could not be predicted. */
export const ImageFailure = z.object({
  image: z.string(),
  code: z.custom<ErrorCode>((code) => typeof code === 'string' && Object.hasOwn(ERRORS, code)),
  cause: z.string(),
  remedy: z.string(),
});
export type ImageFailure = z.infer<typeof ImageFailure>;

const PredictionSummary = z.object({
  task: z.enum(TASKS),
  model: UsedModel.extend({ path: z.string() }),
  settings: PredictionSettings,
  images: z.array(PredictedImage),
  failures: z.array(ImageFailure),
});

/** Contents of `summary.json` in a prediction folder. */
export interface PredictionSummary {
  readonly task: Task;
  readonly model: UsedModel & { readonly path: string };
  readonly settings: PredictionSettings;
  /** All images of the folder. */
  readonly images: readonly ImagePrediction[];
  readonly failures: readonly ImageFailure[];
}

/**
 * Writes `summary.json` and the CSV table of a prediction folder. Paths in the summary are relative to the folder, so they
 * stay valid if it is moved together with the images.
 */
export async function writePredictionSummary(out: string, summary: PredictionSummary): Promise<void> {
  const relativeOnes = withRelativePaths(out, summary);
  await writeFileAtomic(join(out, 'summary.json'), `${JSON.stringify(relativeOnes, null, 1)}\n`);
  const { predictionTable: table } = taskNamed(summary.task);
  await writeFileAtomic(join(out, table), predictionTable(summary.images));
}

/** Makes every path of a summary relative to its folder, also in the texts of failures. */
export function withRelativePaths(out: string, summary: PredictionSummary): PredictionSummary {
  const inFolder = (text: string) =>
    text.replaceAll(new RegExp(`${PATH_START}${escapedForRegExp(`${out}${sep}`)}`, 'g'), '');
  const failures = summary.failures.map((failure) => retold(failure, inFolder));
  return withPaths({ ...summary, failures }, (path) => relative(out, path));
}

/** Changes every path of a summary, and that of an image also where its failure names it. */
function withPaths(summary: PredictionSummary, change: (path: string) => string): PredictionSummary {
  const ofImage = <Of extends { readonly image: string }>(each: Of): Of => ({ ...each, image: change(each.image) });
  return {
    ...summary,
    model: { ...summary.model, path: change(summary.model.path) },
    images: summary.images.map(ofImage),
    failures: summary.failures.map((failure) =>
      ofImage(retold(failure, (text) => renamed(text, failure.image, change(failure.image)))),
    ),
  };
}

function retold(failure: ImageFailure, change: (text: string) => string): ImageFailure {
  return { ...failure, cause: change(failure.cause), remedy: change(failure.remedy) };
}

/** What precedes and follows a path in a sentence: `/data` is not found in `/mnt/data`. */
const PATH_START = '(?<![^\\s"\'`(])';
const PATH_END = '(?!\\.?[^\\s"\'`),;:.])';

/** Replaces a path in a text, but not where it is a part of another path. */
function renamed(text: string, from: string, to: string): string {
  return text.replaceAll(new RegExp(`${PATH_START}${escapedForRegExp(from)}${PATH_END}`, 'g'), () => to);
}

/** Returns whether a folder was written by `predict`. */
export async function isPredictionFolder(folder: string): Promise<boolean> {
  return (await readJsonIfValid(join(folder, 'summary.json'), PredictionSummary)) !== undefined;
}

/**
 * Reads `summary.json` and makes its paths absolute.
 *
 * @throws ReigniteError FILE_MISSING if the folder or its summary does not exist; USAGE for the results folder of a run;
 *   FILE_DAMAGED.
 */
export async function readPredictionSummary(out: string): Promise<PredictionSummary> {
  const path = join(out, 'summary.json');
  if (await readJsonIfValid(path, Summary)) {
    throw new ReigniteError('USAGE', `${out} is the results folder of a run, not a folder of predict.`, {
      remedy: NAME_IT,
    });
  }
  const summary = await readJsonFile(path, PredictionSummary, {
    remedy:
      'Check that the folder is one of predict. If it is, run the same `npx reignite predict` again, which rewrites the file.',
  });
  if (summary !== undefined) return withPaths(summary, (each) => resolve(out, each));
  const exists = (await statIfThere(out)) !== undefined;
  throw new ReigniteError(
    'FILE_MISSING',
    exists ? `${out} has no summary.json: it is not a folder of predict.` : `There is no folder ${out}.`,
    { remedy: NAME_IT },
  );
}
