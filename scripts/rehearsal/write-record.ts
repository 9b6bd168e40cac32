import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CellTask } from '../../config/tasks.ts';
import { folderOf, LABEL_MAP_FILE, OVERVIEW_FILE, readersFile } from '../../toolkit/dataset/layout.ts';
import { HE_LABELS } from '../../toolkit/dataset/tissue-labels.ts';
import { countConfusion, sumOfConfusions } from '../../toolkit/metrics/he-metrics.ts';
import { writeNpy } from '../../toolkit/numpy.ts';
import { cellDefinition } from '../../toolkit/tasks/registry.ts';
import {
  annotationOf,
  CELL,
  CONTEXT,
  cellsPng,
  maskPng,
  predictionOf,
  type Size,
  tissuePng,
  withComment,
} from './drawings.ts';
import { BOX } from './tiny-networks.ts';

/** Numbers of items in a record. */
export interface RecordSize {
  readonly he: number;
  /** Share of the H&E ROIs in the test set; the others are for training and have no prediction. */
  readonly heTested: number;
  readonly pdl1: number;
  readonly nuclei: number;
  /** Total number of boxes per task, of all its readers together. */
  readonly boxes: Readonly<Record<CellTask, number>>;
}

/** The numbers in the paper. */
export const PAPER: Omit<RecordSize, 'heTested'> = {
  he: 408,
  pdl1: 344,
  nuclei: 135,
  boxes: { pdl1: 845_509, nuclei: 83_498 },
};

/** Sizes with context, like those of the record's ROIs and their neighbours. */
const TISSUE_SIZES: readonly Size[] = [
  { width: 3328, height: 2560 },
  { width: 2560, height: 2816 },
  { width: 3072, height: 2304 },
  { width: 2048, height: 2560 },
];
const CELL_SIZES: Readonly<Record<CellTask, Size>> = {
  pdl1: { width: 1024, height: 1024 },
  nuclei: { width: 512, height: 512 },
};
/** Probabilities that a reader misses a cell, and that it gets another class. */
const [MISSED, CONFUSED] = [0.08, 0.05];
const ROIS_OF_A_PATIENT = 6;

type Row = Readonly<Record<string, string>>;

/**
 * Writes an unpacked record of that size. Its images are few drawings with different comments, which is cheap and makes
 * each a new file for the cache.
 */
export async function writeRecord(root: string, size: RecordSize): Promise<void> {
  const rows = [
    ...(await writeTissue(root, size.he, size.heTested)),
    ...(await writeCells(root, 'pdl1', size.pdl1, size.boxes.pdl1)),
    ...(await writeCells(root, 'nuclei', size.nuclei, size.boxes.nuclei)),
  ];
  const [first = {}] = rows;
  const columns = Object.keys(first);
  const lines = rows.map((row) => columns.map((column) => `"${row[column] ?? ''}"`).join(','));
  await writeFile(join(root, OVERVIEW_FILE), [columns.join(','), ...lines, ''].join('\n'));
  const map = Object.fromEntries(HE_LABELS.map(({ name, value }) => [name, value]));
  await writeFile(join(root, LABEL_MAP_FILE), JSON.stringify(map));
}

async function writeTissue(root: string, count: number, tested: number): Promise<Row[]> {
  const drawn = await Promise.all(TISSUE_SIZES.map(drawTissue));
  const rows: Row[] = [];
  const confusions = [];
  for (let n = 0; n < count; n++) {
    const drawing = drawn[n % drawn.length];
    if (drawing === undefined) break;
    const patient = 1 + Math.floor(n / ROIS_OF_A_PATIENT);
    const name = `patient${patient}_he_roi${1 + (n % ROIS_OF_A_PATIENT)}`;
    await put(root, `images/he/${name}_with_context.png`, withComment(drawing.image, name));
    await put(root, `images/he/${name}.png`, withComment(drawing.small, name));
    await put(root, `annotations/he/${name}_with_context.png`, withComment(drawing.annotation, name));
    await put(root, `annotations/he/${name}.png`, withComment(drawing.negated, name));
    const split = Math.floor((n + 1) * tested) > Math.floor(n * tested) ? 'test' : 'train';
    if (split === 'test') {
      await put(root, `inference/he/${name}_with_context.png`, withComment(drawing.prediction, name));
      confusions.push(drawing.confusion);
    }
    rows.push(
      rowOf({ task: 'he_tissue_segmentation', folder: 'he', split, name, ending: 'png', patient, size: drawing.inner }),
    );
  }
  const counts = BigInt64Array.from(sumOfConfusions(confusions).counts(), BigInt);
  await mkdir(join(root, 'figures/he'), { recursive: true });
  await writeNpy(join(root, 'figures/he/cm.npy'), { dtype: 'int64', shape: [17, 17], data: counts });
  return rows;
}

async function drawTissue(size: Size, seed: number) {
  const inner = { width: size.width - 2 * CONTEXT, height: size.height - 2 * CONTEXT };
  const [truth, predicted] = [annotationOf(size, seed), predictionOf(size, seed)];
  const negated = predictionOf(inner, seed).map((label) => (256 - label) % 256);
  return {
    inner,
    image: await tissuePng(size, seed),
    small: await tissuePng(inner, seed),
    annotation: await maskPng(truth, size),
    negated: await maskPng(negated, inner),
    prediction: await maskPng(predicted, size),
    confusion: countConfusion(truth, predicted),
  };
}

async function writeCells(root: string, task: CellTask, count: number, boxes: number): Promise<Row[]> {
  const { classes, groups, folder } = cellDefinition(task);
  const size = CELL_SIZES[task];
  const coco = await CocoWriter.open(join(root, readersFile(task)), groups, classes);
  const rows: Row[] = [];
  const random = randomNumbers(count);
  for (let n = 0; n < count; n++) {
    const patient = 1 + Math.floor(n / ROIS_OF_A_PATIENT);
    const name = `patient${patient}_${task}_roi${1 + (n % ROIS_OF_A_PATIENT)}`;
    const readers = groups[n % groups.length]?.readers ?? [];
    // The readers of all images together mark the requested number of boxes; others mark more to make up for missed
    // ones.
    const cells = cellsOf(size, Math.ceil(boxes / count / readers.length / (1 - MISSED)), classes.length, random);
    await put(root, `images/${folder}/${name}.png`, withComment(await cellsPng(size, cells), name));
    await mkdir(join(root, folderOf('inference', task)), { recursive: true });
    const data = Float32Array.from(cells.flatMap(({ x, y, class: of }) => [x, y, of]));
    const path = join(root, folderOf('inference', task), `${name}.npy`);
    await writeNpy(path, { dtype: 'float32', shape: [cells.length, 3], data });
    await coco.image(`${name}.png`, size);
    for (const reader of readers) {
      for (const cell of cells) {
        if (random() < MISSED || coco.boxes >= boxes) continue;
        const other = random() < CONFUSED ? 1 : 0;
        await coco.box(n, reader, { ...cell, class: (cell.class + other) % classes.length });
      }
    }
    rows.push(rowOf({ task: `${task}_detection`, folder, split: 'test', name, ending: 'json', patient, size }));
  }
  await coco.close();
  return rows;
}

interface Cell {
  readonly x: number;
  readonly y: number;
  readonly class: number;
}

/** Places cells in the middle of randomly drawn squares. */
function cellsOf({ width, height }: Size, count: number, classes: number, random: () => number): readonly Cell[] {
  const across = width / CELL;
  const places = Array.from({ length: across * (height / CELL) }, (_, place) => ({ place, at: random() }));
  places.sort((a, b) => a.at - b.at);
  return places.slice(0, count).map(({ place }) => ({
    x: CELL * (place % across) + CELL / 2,
    y: CELL * Math.floor(place / across) + CELL / 2,
    class: Math.floor(random() * classes),
  }));
}

/** Writes a COCO file of any size, box by box. */
class CocoWriter {
  boxes = 0;
  readonly #images: string[] = [];
  readonly #out: ReturnType<typeof createWriteStream>;
  readonly #classes: readonly string[];
  readonly #readers: readonly string[];

  private constructor(path: string, readers: readonly string[], classes: readonly string[]) {
    this.#out = createWriteStream(path);
    this.#readers = readers;
    this.#classes = classes;
    this.#out.write('{"annotations": [');
  }

  static async open(
    path: string,
    groups: readonly { readonly readers: readonly string[] }[],
    classes: readonly string[],
  ): Promise<CocoWriter> {
    await mkdir(dirname(path), { recursive: true });
    const readers = groups.flatMap((group) => group.readers);
    return new CocoWriter(path, readers, classes);
  }

  async image(name: string, { width, height }: Size): Promise<void> {
    const id = this.#images.length;
    this.#images.push(JSON.stringify({ id, file_name: name, annotated_xyxy: [0, 0, width, height] }));
  }

  async box(image: number, reader: string, { x, y, class: of }: Cell): Promise<void> {
    const category = this.#readers.indexOf(reader) * this.#classes.length + of + 1;
    const bbox = [x - BOX / 2, y - BOX / 2, BOX, BOX];
    const separator = this.boxes === 0 ? '' : ',';
    const text = JSON.stringify({ id: this.boxes, image_id: image, category_id: category, bbox });
    this.boxes++;
    if (!this.#out.write(`${separator}\n${text}`)) await once(this.#out, 'drain');
  }

  async close(): Promise<void> {
    const categories = this.#readers.flatMap((supercategory, reader) =>
      this.#classes.map((name, of) => ({ id: reader * this.#classes.length + of + 1, name, supercategory })),
    );
    this.#out.end(`],\n"images": [${this.#images.join(',\n')}],\n"categories": ${JSON.stringify(categories)}}\n`);
    await once(this.#out, 'close');
  }
}

function rowOf(of: {
  readonly task: string;
  readonly folder: string;
  readonly split: string;
  readonly name: string;
  readonly ending: string;
  readonly patient: number;
  readonly size: Size;
}): Row {
  const { width, height } = of.size;
  return {
    image_path: `../../data/images/${of.folder}/${of.name}.png`,
    annotation_path: `../../data/annotations/${of.folder}/${of.name}.${of.ending}`,
    task: of.task,
    split: of.split,
    stain: of.ending === 'png' ? 'H&E' : 'PD-L1',
    name: of.name,
    shape: `(${height}, ${width})`,
    area_mm2: String(width * height * 0.25e-6),
    patient_id: String(of.patient),
    source: of.patient % 2 === 0 ? 'rumc' : 'tcga',
    scanner: 'synthetic',
    histological_subtype: of.patient % 3 === 0 ? 'squamous_cell_carcinoma' : 'adenocarcinoma',
    specimen_type: of.patient % 4 === 0 ? 'biopsy' : 'resection',
    organ: 'lung',
  };
}

async function put(root: string, path: string, content: Buffer): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

/** Creates a generator of numbers in [0, 1), always the same for a seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
