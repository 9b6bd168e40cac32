import { readdir, stat } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { z } from 'zod';
import { ReigniteError } from '../errors.ts';
import { writeFileAtomic } from '../files/atomic-write.ts';
import { readNamedJson } from '../files/text-file.ts';
import { averagePrecision, type ScoredBox, type TrueBox } from '../metrics/average-precision.ts';
import { decimal, html, table } from '../report/page/html.ts';
import { type StandalonePage, writeStandalonePage } from '../report/write-page.ts';
import { reportFolder } from '../results/results-folder.ts';
import { readCandidatesFile } from '../yolo/detect/detection-files.ts';
import { namesLike } from './prediction-files.ts';

/** COCO's limit of boxes per class and image. */
const COCO_LIMIT = 100;
/** Missing boxes with a detection score below this hardly change average precision. */
const LOW_SCORE = 0.01;

/** Left, top, width and height, px. */
const Bbox = z.tuple([z.number(), z.number(), z.number().min(0), z.number().min(0)]);
const Truth = z
  .object({
    images: z.array(z.object({ id: z.int(), file_name: z.string() })),
    annotations: z.array(
      z.object({
        image_id: z.int(),
        category_id: z.int(),
        bbox: Bbox,
        iscrowd: z.int().min(0).max(1).default(0),
      }),
    ),
    categories: z.array(z.object({ id: z.int(), name: z.string() })).min(1),
  })
  .superRefine(({ images, annotations, categories }, context) => {
    const fail = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
    const ids = new Set<number>();
    for (const [at, { id }] of images.entries()) {
      if (ids.has(id)) fail(['images', at], `a second image has the id ${id}`);
      ids.add(id);
    }
    const stray = annotations.findIndex(({ image_id }) => !ids.has(image_id));
    if (stray >= 0) fail(['annotations', stray], `no image has the id ${annotations[stray]?.image_id}`);
    const second = categories.findIndex(({ id }, at) => categories.findIndex((each) => each.id === id) < at);
    if (second >= 0) fail(['categories', second], `a second category has the id ${categories[second]?.id}`);
  });
type Truth = z.infer<typeof Truth>;
const Results = z.array(z.object({ image_id: z.int(), category_id: z.int(), bbox: Bbox, score: z.number() }));

export interface BoxesInput {
  /** Annotated boxes as COCO JSON. */
  readonly truth: string;
  /** `candidates/` of a prediction, or results as COCO JSON. */
  readonly predictions: string;
  /** Folder in which metrics/boxes.json is written. */
  readonly out: string;
  /** Number of best boxes that count per class and image. Default: 100, as in COCO. */
  readonly limit?: number;
}

export interface EvaluatedBoxes {
  readonly metrics: {
    readonly map50: number | null;
    readonly map5095: number | null;
    readonly limit: number;
    readonly classes: readonly {
      readonly name: string;
      readonly ap50: number | null;
      readonly ap5095: number | null;
      readonly objects: number;
      readonly predicted: number;
    }[];
  };
  readonly images: number;
  /** What the scores leave out, one sentence each. */
  readonly remarks: readonly string[];
}

/**
 * Scores boxes by COCO average precision, mAP50 and mAP50-95, and writes `metrics/boxes.json`.
 *
 * Boxes of a COCO file are matched by the ids of images and categories; those of `candidates/` by the names of classes,
 * and of images by file name without extension.
 *
 * @throws ReigniteError FILE_MISSING, also for a folder without a prediction of any annotated image;
 *   ANNOTATIONS_INVALID, POINTS_INVALID naming the faulty file; NOT_WRITABLE, NO_SPACE.
 */
export async function evaluateBoxes({
  truth: path,
  predictions,
  out,
  limit = COCO_LIMIT,
}: BoxesInput): Promise<EvaluatedBoxes> {
  const truth = await readJson(path, Truth);
  const labels = new Map(truth.categories.map(({ id }, label) => [id, label]));
  const objects = truth.annotations.flatMap(({ image_id: image, category_id, bbox, iscrowd }): TrueBox[] => {
    const label = labels.get(category_id);
    return label === undefined ? [] : [{ image, label, box: bbox, isCrowd: iscrowd === 1 }];
  });
  const isFolder = (await stat(predictions).catch(() => undefined))?.isDirectory() === true;
  const { boxes, remarks } = isFolder
    ? await fromCandidates(truth, predictions)
    : await fromResults(truth, labels, predictions);
  const { map50, map5095, classes, overLimit } = averagePrecision(objects, boxes, truth.categories.length, limit);
  const metrics = {
    map50,
    map5095,
    limit,
    classes: classes.map((of, label) => ({ name: truth.categories[label]?.name ?? '', ...of })),
  };
  await writeFileAtomic(join(out, 'metrics', 'boxes.json'), `${JSON.stringify(metrics, null, 1)}\n`);
  const lost = truth.annotations.length - objects.length;
  return {
    metrics,
    images: truth.images.length,
    remarks: [
      ...remarks,
      ...(boxes.length === 0 ? [`There are no boxes to score in ${predictions}: all objects count as missed.`] : []),
      ...(lost > 0 ? [`Annotations left out, because ${path} does not list their category: ${lost}.`] : []),
      ...(overLimit > 0
        ? [
            `Boxes that did not count: ${overLimit}. COCO counts the best ${limit} per class and image; --max-boxes changes that.`,
          ]
        : []),
    ],
  };
}

interface ReadBoxes {
  readonly boxes: readonly ScoredBox[];
  readonly remarks: readonly string[];
}

async function fromResults({ images }: Truth, labels: ReadonlyMap<number, number>, path: string): Promise<ReadBoxes> {
  const results = await readJson(path, Results);
  const annotated = new Set(images.map(({ id }) => id));
  const ofImages = results.filter(({ image_id }) => annotated.has(image_id));
  const boxes = ofImages.flatMap(({ image_id: image, category_id, bbox, score }) => {
    const label = labels.get(category_id);
    return label === undefined ? [] : [{ image, label, box: bbox, score }];
  });
  const [strayBoxes, lost] = [results.length - ofImages.length, ofImages.length - boxes.length];
  return {
    boxes,
    remarks: [
      ...(strayBoxes > 0 ? [`Boxes left out, because their image was not annotated: ${strayBoxes}.`] : []),
      ...(lost > 0 ? [`Boxes left out, because their category was not annotated: ${lost}.`] : []),
    ],
  };
}

/** Reads the boxes of a prediction that became points. */
async function fromCandidates({ images, categories }: Truth, folder: string): Promise<ReadBoxes> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const byName = labelsByName(categories);
  const byFile = imagesByFile(images, files);
  const boxes: ScoredBox[] = [];
  const unknown = new Set<string>();
  const foreign: string[] = [];
  let least = 0;
  for (const file of files) {
    const image = byFile.get(file);
    if (image === undefined) foreign.push(file);
    if (image === undefined) continue;
    const { candidates, classes, confidence } = await readCandidatesFile(join(folder, file));
    least = Math.max(least, confidence);
    for (const { class: number, score, x1, y1, x2, y2, outcome } of candidates) {
      if (outcome !== 'point') continue;
      const label = byName.get(classes[number] ?? '');
      if (label === undefined) unknown.add(classes[number] ?? String(number));
      else boxes.push({ image, label, box: [x1, y1, x2 - x1, y2 - y1], score });
    }
  }
  const missing = images.length - files.filter((file) => byFile.has(file)).length;
  if (missing > 0 && missing === images.length) {
    throw new ReigniteError(
      'FILE_MISSING',
      `${folder} has no prediction of any annotated image, such as ${images[0]?.file_name.replace(/\.[^.]*$/, '')}.json.`,
      {
        remedy:
          'Name the folder `candidates` inside the output folder of `npx reignite predict`, or a COCO file of results.',
      },
    );
  }
  return {
    boxes,
    remarks: [
      ...(missing > 0 ? [`Images without a prediction, all of whose objects count as missed: ${missing}.`] : []),
      ...(foreign.length > 0
        ? [`Predictions left out, because their images were not annotated: ${foreign.length}.`]
        : []),
      ...(unknown.size > 0 ? [`Classes that were not annotated are left out: ${[...unknown].join(', ')}.`] : []),
      ...(least > LOW_SCORE
        ? [
            `The predictions have no boxes below a detection score of ${least}, which lowers average precision; predict with --confidence 0.001.`,
          ]
        : []),
    ],
  };
}

/** @throws ReigniteError ANNOTATIONS_INVALID when two categories have the same name, by which boxes are matched. */
function labelsByName(categories: Truth['categories']): ReadonlyMap<string, number> {
  const byName = new Map<string, number>();
  for (const [label, { name }] of categories.entries()) {
    if (byName.has(name)) {
      throw new ReigniteError('ANNOTATIONS_INVALID', `Several annotated categories are named ${name}.`, {
        remedy: 'Give each category a name of its own, or name a COCO file of results, whose boxes have category ids.',
      });
    }
    byName.set(name, label);
  }
  return byName;
}

/** @throws ReigniteError ANNOTATIONS_INVALID when two images, in different folders, would have the same prediction. */
function imagesByFile(images: Truth['images'], files: readonly string[]): ReadonlyMap<string, number> {
  const byFile = new Map<string, number>();
  const like = namesLike(files);
  for (const { file_name, id } of images) {
    const stem = parse(file_name).name;
    const file = like(`${stem}.json`) ?? `${stem}.json`;
    if (byFile.has(file)) {
      throw new ReigniteError('ANNOTATIONS_INVALID', `Several annotated images are named ${stem}.`, {
        remedy: 'Give each image a name of its own, or name a COCO file of results, whose boxes have image ids.',
      });
    }
    byFile.set(file, id);
  }
  return byFile;
}

async function readJson<Value>(path: string, schema: z.ZodType<Value>): Promise<Value> {
  const remedy = `Correct the file ${path}, or export it again as COCO JSON.`;
  const found = schema.safeParse(await readNamedJson(path, { code: 'ANNOTATIONS_INVALID', remedy }));
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? 'the document' : issue.path.map(String).join('.');
  const cause = `${path} is not COCO JSON of boxes: ${place}: ${issue?.message.replace(/\.$/, '') ?? 'not understood'}.`;
  throw new ReigniteError('ANNOTATIONS_INVALID', cause, { cause: found.error, remedy });
}

/** Returns the path of the page of scored boxes. */
export function boxesPage(out: string): string {
  return join(reportFolder(out), 'boxes.html');
}

/**
 * Writes report/boxes.html of scored boxes.
 *
 * @param names - Names of predictions and annotations for display.
 * @param version - Version of this package.
 */
export async function writeBoxesPage(
  out: string,
  { metrics, images, remarks }: EvaluatedBoxes,
  names: { readonly predictions: string; readonly truth: string },
  version: string,
): Promise<void> {
  const { map50, map5095, classes, limit } = metrics;
  const head = ['', 'AP50', 'AP50-95', 'annotated', 'predicted'];
  const rows = classes.map((of) => [of.name, number(of.ap50), number(of.ap5095), of.objects, of.predicted]);
  const page: StandalonePage = {
    title: `Boxes: ${names.predictions}`,
    question: 'How do these boxes score?',
    answer: `mAP50 ${number(map50)}, mAP50-95 ${number(map5095)}`,
    tone: 'not comparable',
    lead: html`<strong>${names.predictions}</strong> against the boxes of ${names.truth}, ${images} images; at most ${limit} boxes per class and image are counted, as in COCO.`,
    links: [],
    isSynthetic: false,
    main: html`<section><h2>Average precision of each class</h2>${table('Average precision as COCO defines it: at an overlap (IoU) of 0.5, and averaged over 0.5 to 0.95', head, rows)}
<ul>${remarks.map((remark) => html`<li>${remark}</li>`)}</ul></section>`,
    footer: `Written by reignite ${version}. All numbers: metrics/boxes.json.`,
    viewed: { words: {}, rois: [] },
  };
  await writeStandalonePage(out, page, boxesPage(out));
}

function number(value: number | null): string {
  return value === null ? 'absent' : decimal(value);
}
