import { join, posix } from 'node:path';
import type { TissueTask } from '../../config/tasks.ts';
import {
  findLabelMap,
  findOverview,
  folderOf,
  LABEL_MAP_FILE,
  OVERVIEW_FILE,
  publishedMask,
  tissueModelFolder,
} from '../dataset/layout.ts';
import { type OverviewRow, readOverview } from '../dataset/overview.ts';
import { type HeTestRoi, heTestRoisOf } from '../dataset/test-rois.ts';
import { HE_LABELS, type MappedLabel, readLabelMap } from '../dataset/tissue-labels.ts';
import { ReigniteError } from '../errors.ts';
import { firstOf } from '../format.ts';
import type { PngStart } from '../image/png-header.ts';
import { foldsInPaths } from '../nnunet/convert/find-model-folder.ts';
import { oddWeightsAmong, PAPER_FOLDS, weightsAmong } from '../nnunet/convert/model-folds.ts';
import { readPlansFile } from '../nnunet/v1/plans.ts';
import {
  type CheckedTask,
  checkBy,
  checkPngs,
  checkPresence,
  checkSameSizes,
  modeOf,
  pathsBelow,
  type RecordCheck,
  type RecordTree,
  sourceOf,
} from './check-record.ts';

const FETCH_AGAIN = 'Check that the record is a complete version of the IGNITE data toolkit.';
const NOT_COMPARED = 'No action needed: the names of the labels are not compared with those of the evaluation.';
const VALUES_OF_CODE =
  "The run takes the values of the authors' evaluation. If the masks have those of the map, change them.";
const IMAGES = 'Save the images as 8-bit RGB PNGs.';
const MASKS = 'Save the masks as 8-bit grey PNGs whose values are the labels, 0 to 16.';

/** Checks everything that the tissue task assumes about a record. */
export async function checkTissue(tree: RecordTree, task: TissueTask, withModel: boolean): Promise<CheckedTask> {
  const { check, rois } = await checkOverview(tree);
  const images = rois.map(({ image }) => image);
  const annotations = rois.map(({ annotation }) => annotation);
  const predictions = rois.map(({ roi }) => publishedMask(task, roi, (path) => tree.sizes.has(path)));
  const imageHeaders = await checkPngs(tree, 'H&E images, headers', images, imageFault, IMAGES);
  const maskHeaders = await checkPngs(tree, 'H&E annotations, headers', annotations, maskFault, MASKS);
  const subject = 'H&E published predictions';
  const predictionHeaders = await checkPngs(tree, `${subject}, headers`, predictions, maskFault, MASKS);
  const needed = { status: 'fail', remedy: FETCH_AGAIN } as const;
  const ofRois = [
    checkPresence(tree, 'H&E images', 'images of the test set', images, needed),
    imageHeaders.check,
    checkPresence(tree, 'H&E annotations', 'masks of the test set', annotations, needed),
    maskHeaders.check,
    ...checkSameSizes(
      'H&E annotations, sizes',
      rois.map(({ image, annotation }) => [image, annotation]),
      { images: imageHeaders, masks: maskHeaders },
      { status: 'fail', remedy: 'Save every mask in the size of its image.' },
    ),
    checkPresence(tree, subject, 'masks', predictions, {
      status: 'warn',
      remedy: 'No action needed: ROIs without a published mask are computed but not compared.',
    }),
    predictionHeaders.check,
    ...checkSameSizes(
      `${subject}, sizes`,
      rois.map(({ image, roi }) => [image, publishedMask(task, roi, (path) => tree.sizes.has(path))]),
      { images: imageHeaders, masks: predictionHeaders },
      { status: 'warn', remedy: 'No action needed: these ROIs are computed but not compared.' },
    ),
  ];
  return {
    checks: [
      check,
      ...(rois.length > 0 ? ofRois : []),
      await checkLabelMap(tree),
      ...(withModel ? await checkModel(tree, task) : []),
    ],
    rois: rois.length > 0 ? rois.length : undefined,
    predicted: predictions.filter((path) => tree.sizes.has(path)).length,
    images: imageHeaders.sizes,
  };
}

async function checkOverview(
  tree: RecordTree,
): Promise<{ readonly check: RecordCheck; readonly rois: readonly HeTestRoi[] }> {
  let rois: readonly HeTestRoi[] = [];
  const found = (await findOverview(sourceOf(tree))) ?? OVERVIEW_FILE;
  const check = await checkBy(OVERVIEW_FILE, async () => {
    const path = await wanted(tree, found);
    const rows = await readOverview(path);
    rois = heTestRoisOf(rows, join(path, '..'));
    return `${rows.length} rows (${countsOf(rows)}); ${rois.length} ROIs in the H&E test set`;
  });
  return { check: found === OVERVIEW_FILE ? check : { ...check, chosen: found }, rois };
}

/** Counts rows by task and split. */
function countsOf(rows: readonly OverviewRow[]): string {
  const counts = new Map<string, number>();
  for (const { task, split } of rows) counts.set(`${task} ${split}`, (counts.get(`${task} ${split}`) ?? 0) + 1);
  return firstOf(
    [...counts].map(([name, count]) => `${name}: ${count}`),
    8,
  );
}

/** Checks the label map. A fault is only a warning: names and values come from the authors' evaluation script. */
async function checkLabelMap(tree: RecordTree): Promise<RecordCheck> {
  const found = await findLabelMap(sourceOf(tree));
  if (found === undefined) {
    return { subject: LABEL_MAP_FILE, status: 'warn', detail: 'the record has none', remedy: NOT_COMPARED };
  }
  let moved: readonly string[] = [];
  const looked = await checkBy(LABEL_MAP_FILE, async () => {
    const labels = await readLabelMap(await wanted(tree, found));
    moved = movedLabels(labels);
    return `${labels.length} labels, ${labels[0]?.value} to ${labels.at(-1)?.value}`;
  });
  const check = found === LABEL_MAP_FILE ? looked : { ...looked, chosen: found };
  if (check.status === 'fail') return { ...check, status: 'warn', remedy: NOT_COMPARED };
  if (moved.length > 0) return { ...check, status: 'warn', detail: firstOf(moved), remedy: VALUES_OF_CODE };
  if (check.detail === `${HE_LABELS.length} labels, 0 to ${HE_LABELS.length - 1}`) return check;
  return { ...check, status: 'warn', detail: `${check.detail}; the authors' evaluation has 17 labels, 0 to 16` };
}

/** Returns the labels that have another value in the authors' evaluation: their masks would be scored as another tissue. */
function movedLabels(labels: readonly MappedLabel[]): readonly string[] {
  return labels.flatMap(({ name, value }) => {
    const usual = HE_LABELS.findIndex((label) => label.name === name);
    return usual < 0 || usual === value ? [] : [`"${name}" is ${value}, in the authors' evaluation ${usual}`];
  });
}

/** Checks the model: any folder in `models/he` that contains folds, or else anywhere below `models/`. */
async function checkModel(tree: RecordTree, task: TissueTask): Promise<RecordCheck[]> {
  const folder = folderOf('models', task);
  const files = pathsBelow(tree, folder);
  const inFolder = foldsInPaths(files);
  const models = inFolder.size > 0 ? inFolder : foldsInPaths(pathsBelow(tree, 'models'));
  const usual = tissueModelFolder(task);
  const [model, ...others] = models.has(usual) ? [usual] : [...models.keys()];
  if (model === undefined) {
    const detail = files.length === 0 ? `${folder}/ is missing` : `no folder in ${folder}/ has folds`;
    return [{ subject: 'H&E model', status: 'fail', detail, remedy: FETCH_AGAIN }];
  }
  if (others.length > 0) {
    const detail = `several: ${firstOf([model, ...others])}`;
    return [{ subject: 'H&E model', status: 'fail', detail, remedy: 'Keep the folder of one model in models/he.' }];
  }
  const weights = PAPER_FOLDS.map((fold) => weightsOf(tree, models.get(model)?.get(fold) ?? `${model}/fold_${fold}`));
  const needed = weights.flatMap((path) => [path, `${path}.pkl`]);
  const [first = ''] = needed;
  const chosen = first === `${usual}/fold_0/model_best.model` ? {} : { chosen: model };
  const folds = checkPresence(tree, 'H&E model, folds', 'files of the five folds', needed, {
    status: 'fail',
    remedy: 'The paper averages five folds: download the models again, or ask the authors for the missing files.',
  });
  const plans = `${first}.pkl`;
  return [{ ...folds, ...chosen }, ...(tree.sizes.has(plans) ? [await checkPlans(tree, plans)] : [])];
}

/** Returns the path of the weights in the folder of a fold: with the usual name, or else the only ones. */
function weightsOf(tree: RecordTree, folder: string): string {
  const names = pathsBelow(tree, folder).map((path) => posix.relative(folder, path));
  return `${folder}/${oddWeightsAmong(weightsAmong(names)) ?? 'model_best.model'}`;
}

async function checkPlans(tree: RecordTree, plans: string): Promise<RecordCheck> {
  const local = await tree.local(plans);
  if (local === undefined)
    return { subject: 'H&E model, plans', status: 'unknown', detail: 'checked after the download' };
  return checkBy('H&E model, plans', async () => {
    const { patch, classes } = await readPlansFile(local);
    return `tiles of ${patch.join(' x ')} px, ${classes} classes`;
  });
}

async function wanted(tree: RecordTree, path: string): Promise<string> {
  const local = await tree.local(path);
  if (local === undefined) throw new ReigniteError('FILE_NOT_IN_RECORD', `The record has no ${path}.`);
  return local;
}

function imageFault(header: PngStart): string | undefined {
  const isKnown = header.depth === 8 && (header.colour === 'RGB' || header.colour === 'RGBA');
  return isKnown ? undefined : `is ${modeOf(header)}`;
}

function maskFault(header: PngStart): string | undefined {
  // In palette images, indices are the labels, as in the authors' code.
  const isKnown = header.depth === 8 && (header.colour === 'grey' || header.colour === 'palette');
  return isKnown ? undefined : `is ${modeOf(header)}`;
}
