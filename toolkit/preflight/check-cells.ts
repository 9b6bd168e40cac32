import { posix } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { imagesAtStart } from '../dataset/coco-file.ts';
import { findDetector, findReaders } from '../dataset/find-files.ts';
import { detectorFile, folderOf, readersFile } from '../dataset/layout.ts';
import {
  type AnnotatedImage,
  annotatedImage,
  type ReaderAnnotations,
  readReaderAnnotations,
} from '../dataset/readers-annotations.ts';
import { parseNpyHeader } from '../numpy/npy-header.ts';
import { checkPngs, checkPresence, modeOf } from './check-files.ts';
import { type CheckedTask, checkBy, firstOf, type RecordCheck } from './record-check.ts';
import { type RecordTree, sourceOf } from './record-tree.ts';

const FETCH_AGAIN = 'Check that the record is a complete version of the IGNITE data toolkit.';
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

interface CheckedReaders {
  readonly check: RecordCheck;
  /** Undefined if the file is damaged, or too large and without the list near its start. */
  readonly images?: readonly AnnotatedImage[];
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
    const start = await tree.start(path, READERS_START_BYTES);
    const images = start && imagesAtStart(start)?.map(annotatedImage);
    const seen = images === undefined ? '' : `${images.length} images; `;
    const detail = `${seen}${posix.basename(path)} is too large to check before the download`;
    return { check: { subject, status: 'unknown', detail, ...chosen }, ...(images && { images }) };
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
  return checkBy(subject, async () => {
    const heads = await tree.heads(present, NPY_HEADER_BYTES);
    const kinds = new Set<string>();
    for (const [path, head] of heads) {
      const { dtype, shape } = parseNpyHeader(head, path);
      kinds.add(`${dtype}, ${shape.length === 2 ? `points x ${shape[1]}` : `shape (${shape.join(', ')})`}`);
    }
    const checked = heads.size === present.length ? 'all' : `${heads.size} of ${present.length}`;
    return `${checked} checked: ${[...kinds].join('; ')}`;
  });
}

async function checkWeights(tree: RecordTree, task: CellTask, title: string): Promise<RecordCheck> {
  const subject = `${title}, model`;
  const usual = detectorFile(task);
  const path = findDetector([...tree.sizes.keys()], task) ?? usual;
  const chosen = path === usual ? {} : { chosen: path };
  const presence = checkPresence(tree, subject, 'checkpoint', [path], { status: 'fail', remedy: FETCH_AGAIN });
  if (presence.status === 'fail') return presence;
  const head = (await tree.heads([path], CHECKPOINT_HEAD_BYTES)).get(path);
  const classes = new Set(head === undefined ? [] : moduleClasses(head));
  if (classes.size === 0) return { subject, status: 'unknown', detail: 'checked after the download', ...chosen };
  return { subject, status: 'pass', detail: `YOLOv5 modules: ${[...classes].join(', ')}`, ...chosen };
}

/** Lists the classes of YOLOv5 modules that a checkpoint's pickle imports, without interpreting the pickle. */
function moduleClasses(head: Buffer): string[] {
  return [...head.toString('latin1').matchAll(/cmodels\.(?:common|yolo)\n(\w+)\n/g)].map(([, name]) => name ?? '');
}
