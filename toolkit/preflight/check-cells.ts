import { posix } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { imagesAtStart } from '../dataset/coco-file.ts';
import { detectorFile, findDetector, findOverview, findReaders, folderOf, readersFile } from '../dataset/layout.ts';
import { readOverview } from '../dataset/overview.ts';
import {
  type AnnotatedImage,
  annotatedImage,
  type ReaderAnnotations,
  readReaderAnnotations,
} from '../dataset/readers-annotations.ts';
import { ReigniteError } from '../errors.ts';
import { firstOf } from '../format.ts';
import { fileKind, isZip, textKind } from '../models/identify-file.ts';
import { parseNpyHeader } from '../numpy.ts';
import {
  type CheckedTask,
  checkBy,
  checkPngs,
  checkPresence,
  modeOf,
  type RecordCheck,
  type RecordTree,
  sourceOf,
} from './check-record.ts';

const FETCH_AGAIN = 'Check that the record is a complete version of the IGNITE data toolkit.';
/** x, y and class of a point. */
const POINT_COLUMNS = 3;
/** The header of a .npy file of points is smaller. */
const NPY_HEADER_BYTES = 128;
/** A YOLOv5 checkpoint starts with the description of its modules. */
const CHECKPOINT_HEAD_BYTES = 48 * 2 ** 10;

/** Compressed bytes to read of a readers' file that is too large. They usually contain the list of images. */
const READERS_START_BYTES = 48 * 2 ** 10;

/** Checks everything that a detection task assumes about a record. */
export async function checkCells(
  tree: RecordTree,
  task: CellTask,
  { title, withModel }: { readonly title: string; readonly withModel: boolean },
): Promise<CheckedTask> {
  const { check, images: listed, annotations } = await checkReaders(tree, task, title);
  const weights = withModel ? [await checkWeights(tree, task, title)] : [];
  if (listed === undefined) return { checks: [check, ...weights], rois: undefined, predicted: 0, images: [] };
  const images = listed.map(({ fileName }) => `${folderOf('images', task)}/${fileName}`);
  const predictions = listed.map(({ stem }) => `${folderOf('inference', task)}/${stem}.npy`);
  const subject = `${title}, images`;
  const headers = await checkPngs(
    tree,
    `${subject}, headers`,
    images.filter((path) => path.toLowerCase().endsWith('.png')),
    (header) => (header.depth === 8 ? undefined : `is ${modeOf(header)}`),
    'Save the images as 8-bit RGB PNGs.',
  );
  const checks = [
    check,
    ...(annotations === undefined ? [] : doubtOn(annotations, title)),
    checkPresence(tree, subject, 'images of the readers', images, { status: 'fail', remedy: FETCH_AGAIN }),
    headers.check,
    checkPresence(tree, `${title}, published predictions`, 'points files', predictions, {
      status: 'warn',
      remedy: 'No action needed: images without published points are computed but not compared.',
    }),
    await checkPoints(tree, `${title}, published predictions, headers`, predictions),
    ...weights,
  ];
  return {
    checks: checks.filter((each) => each === check || each.status !== 'unknown'),
    rois: listed.length,
    predicted: predictions.filter((path) => tree.sizes.has(path)).length,
    images: headers.sizes,
  };
}

type ListedImage = Pick<AnnotatedImage, 'fileName' | 'stem'>;

interface CheckedReaders {
  readonly check: RecordCheck;
  /** Undefined if the file is damaged, or too large and without the list near its start. */
  readonly images?: readonly ListedImage[];
  readonly annotations?: ReaderAnnotations;
}

async function checkReaders(tree: RecordTree, task: CellTask, title: string): Promise<CheckedReaders> {
  const subject = `${title}, readers' annotations`;
  const usual = readersFile(task);
  const path = await findReaders(sourceOf(tree), task);
  if (path === undefined) {
    return { check: { subject, status: 'fail', detail: `${usual} is missing`, remedy: FETCH_AGAIN } };
  }
  const chosen = path === usual ? {} : { chosen: path };
  const local = await tree.local(path);
  if (local === undefined) {
    return { ...(await checkStart(tree, task, path, subject, chosen)) };
  }
  let annotations: ReaderAnnotations | undefined;
  const check = await checkBy(subject, async () => {
    annotations = await readReaderAnnotations(local, task);
    const readers = annotations.groups.flatMap((group) => group.readers);
    return `${annotations.images.length} images, ${readers.length} readers`;
  });
  return annotations === undefined
    ? { check }
    : { check: { ...check, ...chosen }, images: annotations.images, annotations };
}

/** Looks for the images of a large readers' file at its beginning, else in the overview. */
async function checkStart(
  tree: RecordTree,
  task: CellTask,
  path: string,
  subject: string,
  chosen: Pick<RecordCheck, 'chosen'>,
): Promise<CheckedReaders> {
  const start = await tree.start(path, READERS_START_BYTES);
  let images: readonly ListedImage[] | undefined;
  const looked = await checkBy(subject, async () => {
    images = start && imagesAtStart(start, path)?.map(annotatedImage);
    return images === undefined ? '' : `${images.length} images; `;
  });
  if (looked.status === 'fail') return { check: { ...looked, ...chosen } };
  images ??= await imagesInOverview(tree, task);
  const isListed = looked.detail === '' && images !== undefined;
  const seen = isListed ? `${images?.length} images in the overview; ` : looked.detail;
  const detail = `${seen}${posix.basename(path)} is too large to check before the download`;
  return { check: { subject, status: 'unknown', detail, ...chosen }, ...(images && { images }) };
}

/** The test set of a task as the overview lists it, whatever it calls the task: by the folder of the images. */
async function imagesInOverview(tree: RecordTree, task: CellTask): Promise<readonly ListedImage[] | undefined> {
  const found = await findOverview(sourceOf(tree));
  const local = found === undefined ? undefined : await tree.local(found);
  if (local === undefined) return undefined;
  const rows = await readOverview(local).catch(() => []);
  const folder = `${folderOf('images', task)}/`;
  const images = rows
    .filter(({ imagePath, split }) => split === 'test' && imagePath.includes(folder))
    .map(({ imagePath }) => ({ fileName: posix.basename(imagePath), stem: posix.parse(imagePath).name }));
  return images.length === 0 ? undefined : images;
}

function doubtOn({ doubt, unused }: ReaderAnnotations, title: string): RecordCheck[] {
  const found: RecordCheck[] = [];
  if (doubt !== undefined) {
    found.push({
      subject: `${title}, categories`,
      status: 'warn',
      detail: 'the category IDs give other classes than the category names',
      remedy: 'The run uses the IDs, as the authors do; `npx reignite evaluate --categories by-name` uses the names.',
    });
  }
  for (const { reason, annotations, ids } of unused) {
    const detail = `${annotations} annotations are not used: ${reason} (${firstOf(ids.map(String))})`;
    found.push({ subject: `${title}, annotations`, status: 'warn', detail });
  }
  return found;
}

async function checkPoints(tree: RecordTree, subject: string, paths: readonly string[]): Promise<RecordCheck> {
  const present = paths.filter((path) => tree.sizes.has(path));
  if (present.length === 0) return { subject, status: 'unknown', detail: 'there are none to check' };
  const check = await checkBy(subject, async () => {
    const heads = await tree.heads(present, NPY_HEADER_BYTES);
    const kinds = new Set<string>();
    for (const [path, head] of heads) {
      const { dtype, shape } = parseNpyHeader(head, path);
      if (shape.length !== 2 || shape[1] !== POINT_COLUMNS) {
        throw new ReigniteError('NPY_INVALID', `${path} has the shape (${shape.join(', ')}); points are n x 3.`);
      }
      kinds.add(`${dtype}, points x ${POINT_COLUMNS}`);
    }
    const checked = heads.size === present.length ? 'all' : `${heads.size} of ${present.length}`;
    return `${checked} checked: ${[...kinds].join('; ')}`;
  });
  if (check.status !== 'fail') return check;
  return { ...check, status: 'warn', remedy: 'No action needed: these images are computed but not compared.' };
}

async function checkWeights(tree: RecordTree, task: CellTask, title: string): Promise<RecordCheck> {
  const subject = `${title}, model`;
  const usual = detectorFile(task);
  const path = findDetector([...tree.sizes.keys()], task) ?? usual;
  const chosen = path === usual ? {} : { chosen: path };
  const presence = checkPresence(tree, subject, 'checkpoint', [path], { status: 'fail', remedy: FETCH_AGAIN });
  if (presence.status === 'fail') return presence;
  const head = (await tree.heads([path], CHECKPOINT_HEAD_BYTES)).get(path);
  const other = head === undefined || isZip(head) ? undefined : (fileKind(head) ?? textKind(head));
  if (other !== undefined) {
    const detail = `${path} is ${other}, not a PyTorch checkpoint`;
    return { subject, status: 'fail', detail, remedy: FETCH_AGAIN, ...chosen };
  }
  const classes = new Set(head === undefined ? [] : moduleClasses(head));
  if (classes.size === 0) return { subject, status: 'unknown', detail: 'checked after the download', ...chosen };
  return { subject, status: 'pass', detail: `YOLOv5 modules: ${[...classes].join(', ')}`, ...chosen };
}

/** Lists the classes of YOLOv5 modules that a checkpoint's pickle imports, without interpreting the pickle. */
function moduleClasses(head: Buffer): string[] {
  return [...head.toString('latin1').matchAll(/cmodels\.(?:common|yolo)\n(\w+)\n/g)].map(([, name]) => name ?? '');
}
