import { join } from 'node:path';
import type { KeyParts } from '../../cache/step-cache.ts';
import { ReigniteError } from '../../errors.ts';
import { drawCellsOverlay } from '../../figures/prediction-overlay.ts';
import { writeFileAtomic } from '../../files/atomic-write.ts';
import { counted, csvField } from '../../format.ts';
import { writeFeatures } from '../../geojson/write-features.ts';
import { encodeGrey16 } from '../../image/encode-png.ts';
import { writeNpy } from '../../numpy.ts';
import { type CellTile, cellTiles } from '../../slide/infer/cell-tiles.ts';
import type { StripRows } from '../../slide/infer/tiled-slide.ts';
import { MODEL_MPP } from '../../slide/read/slide-resolution.ts';
import type { SlideCellsProgress, SlideDetector } from '../../yolo/detect/cell-detector.ts';
import { keptScore } from '../../yolo/detect/detection-files.ts';
import { NO_LIMITS } from '../../yolo/detect/nms.ts';
import { iouOf } from '../detection-plan.ts';
import { cellDensity, cellFeatures, densityMap, densityTable, type FoundCell, writeCellsTable } from '../found-cell.ts';
import { describeSlide, factsOf, inferOnce, inferSlideOnce, splitUnlessCached, stripKey } from '../infer-once.ts';
import { type CellsJob, legendOf } from '../predict-cells.ts';
import {
  type ClassCount,
  densityFile,
  type ImagePrediction,
  type OfStrips,
  type PredictOptions,
  type RegionCells,
  slideCellFiles,
} from '../prediction.ts';
import { densityCautions, modelCautions, stainCautions } from '../reliability.ts';
import { type SeenSlide, type SlideRequest, type SlideServices, withSeenSlide } from './seen-slide.ts';
import { cellsOfRegions, remarksOnRegions, tumourClasses, tumourShare } from './slide-regions.ts';

/** Raised whenever a change gives other candidates for the same slide and model. */
const SCHEMA = 2;
const BOXES = 'boxes.bin';
const COLUMNS = 6;

/**
 * Detects the cells of a slide. Writes points in px of the largest level (.npy, CSV, GeoJSON) and density maps, and returns
 * counts per mm² of tissue. For PD-L1, adds the tumour proportion of the slide and of regions that the user drew. Can be
 * interrupted at any time and resumes on the next call.
 *
 * @throws ReigniteError IMAGE_UNREADABLE, FILE_MISSING, SCALE_UNKNOWN, NO_TISSUE, USAGE, ANNOTATIONS_INVALID,
 *   INFERENCE_FAILED, NO_SPACE, NOT_WRITABLE; the signal's reason.
 */
export async function predictSlideCells(
  job: CellsJob,
  detector: SlideDetector,
  services: SlideServices,
  { strips = [], ...options }: PredictOptions<SlideCellsProgress> & OfStrips = {},
): Promise<ImagePrediction> {
  return withSeenSlide(requestOf(job, services, options.signal), async (seen) => {
    const of = { strips, parts: keyOf(job, seen), engine: job.engine };
    const inferred = await inferSlideOnce(of, [BOXES], services, options, (work) =>
      detect(job, seen, detector, work, options),
    );
    options.signal?.throwIfAborted();
    options.onProgress?.({ phase: 'draw' });
    const { cells, outside } = await selectCells(
      job,
      seen,
      detector,
      services.cache.pathOf(inferred.entry.key, BOXES),
      options,
    );
    return { ...describeSlide(job, seen, inferred), ...(await writeOutputs(job, seen, cells, outside)) };
  });
}

/**
 * Splits a slide into strips of tile rows, on which several workers can detect cells. Returns none for a slide that is
 * small or already in the cache.
 *
 * @throws What `predictSlideCells` throws before it computes anything.
 */
export async function cellStrips(
  job: CellsJob,
  services: SlideServices,
  signal?: AbortSignal,
): Promise<readonly StripRows[]> {
  return withSeenSlide(requestOf(job, services, signal), async (seen) => {
    return splitUnlessCached({ parts: keyOf(job, seen), engine: job.engine }, services, async () =>
      tileRows(cellTiles(seen.view, sizeOf(job), seen.tissue?.mask).tiles),
    );
  });
}

/**
 * Detects cells on one strip of a slide and stores the candidates in the cache. Can be interrupted like
 * `predictSlideCells`.
 *
 * @throws What `predictSlideCells` throws.
 */
export async function predictCellStrip(
  job: CellsJob,
  rows: StripRows,
  detector: SlideDetector,
  services: SlideServices,
  options: PredictOptions<SlideCellsProgress> = {},
): Promise<{ readonly cached: boolean }> {
  const { pictures: _ofSlide, ...request } = requestOf(job, services, options.signal);
  return withSeenSlide(request, async (seen) => {
    const of = { parts: stripKey(keyOf(job, seen), rows), engine: job.engine };
    const { isCached } = await inferOnce(of, services, options, (work) =>
      detect(job, seen, detector, work, options, rows),
    );
    return { cached: isCached };
  });
}

function requestOf(
  { task, name, image, out, choices }: CellsJob,
  services: SlideServices,
  signal: AbortSignal | undefined,
): SlideRequest {
  const files = slideCellFiles(name);
  const pictures = { mask: join(out, files.tissue), picture: join(out, files.tissuePicture) };
  return { task, path: image, choices, pictures, services, ...(signal && { signal }) };
}

/** Groups the indices of tiles by tile row. */
function tileRows(tiles: readonly CellTile[]): readonly (readonly number[])[] {
  const rows: number[][] = Array.from({ length: (tiles.at(-1)?.row ?? 0) + 1 }, () => []);
  for (const { row, index } of tiles) rows[row]?.push(index);
  return rows;
}

/** Side of a tile, px. */
function sizeOf({ detection }: Pick<CellsJob, 'detection'>): number {
  return detection.size.width;
}

function keyOf({ model, detection: { confidence } }: CellsJob, { sha256, key }: SeenSlide): KeyParts {
  const floor = keptScore(confidence);
  return { step: 'predict-slide-cells', schema: SCHEMA, image: sha256, ...key, floor, model: model.digest };
}

/** Selects the cells and converts them to px of the slide. */
async function selectCells(
  job: CellsJob,
  { slide, view, tissue }: SeenSlide,
  detector: SlideDetector,
  boxes: string,
  { signal }: Pick<PredictOptions<never>, 'signal'>,
) {
  const { confidence } = job.detection;
  const { cells, outside } = await detector.selectSlideCells(
    {
      // The authors' scripts do not read slides, so their limit per tile does not apply.
      ...NO_LIMITS,
      confidence,
      iou: iouOf(job.model, job.detection),
      boxes,
      width: view.width,
      height: view.height,
      size: sizeOf(job),
      ...(tissue && { tissue: tissue.mask }),
    },
    signal && { signal },
  );
  return { cells: placedCells(cells, { slide, view }), outside };
}

async function detect(
  { model, session, image, choices, detection }: CellsJob,
  { sha256, tissue }: SeenSlide,
  detector: SlideDetector,
  work: string,
  { signal, onProgress }: PredictOptions<SlideCellsProgress>,
  rows?: StripRows,
) {
  const { mpp, level } = choices;
  const boxes = join(work, BOXES);
  const ran = await detector.detectSlide(
    {
      ...session,
      floor: keptScore(detection.confidence),
      slide: image,
      slideSha256: sha256,
      choice: { ...(mpp !== undefined && { mpp }), ...(level !== undefined && { level }) },
      target: MODEL_MPP,
      ...(tissue && { tissue: tissue.mask }),
      ...(rows && { rows }),
      boxes,
      modelDir: model.modelDir,
      partialDir: join(work, 'partial'),
    },
    { ...(signal && { signal }), ...(onProgress && { onProgress }) },
  );
  // Selecting the cells later needs the same tiles, but does not open the model.
  if (ran.size !== sizeOf({ detection })) {
    throw new ReigniteError(
      'INTERNAL',
      `The detector has tiles of ${ran.size} px; tiles of ${sizeOf({ detection })} px were planned.`,
    );
  }
  return { files: { [BOXES]: boxes }, facts: factsOf(ran), ran };
}

function placedCells(data: Float32Array, { slide, view }: Pick<SeenSlide, 'slide' | 'view'>): FoundCell[] {
  const cells: FoundCell[] = [];
  const at = (index: number) => data[index] ?? Number.NaN;
  const scaled = (index: number) => Math.round(at(index) * view.scale * 100) / 100;
  for (let row = 0; row < data.length; row += COLUMNS) {
    const box = [scaled(row), scaled(row + 1), scaled(row + 2), scaled(row + 3)] as const;
    const x = Math.min(slide.width - 0.01, Math.max(0, (box[0] + box[2]) / 2));
    const y = Math.min(slide.height - 0.01, Math.max(0, (box[1] + box[3]) / 2));
    const score = Math.round(at(row + 4) * 1e6) / 1e6;
    cells.push({ x: Math.round(x * 100) / 100, y: Math.round(y * 100) / 100, class: at(row + 5), score, box });
  }
  return cells;
}

async function writeOutputs(
  { out, name, task, classes, model, drawn }: CellsJob,
  { slide, view, overview: overviewOf, tissue, mpp, notes: ofSlide }: SeenSlide,
  cells: readonly FoundCell[],
  outside: number,
) {
  const files = slideCellFiles(name);
  const path = (file: string) => join(out, file);
  const mm2 = view.mpp === undefined ? undefined : tissueMm2(view, tissue?.mask, view.mpp);
  const counts = countByClass(cells, classes, mm2);
  const frame = { width: slide.width, height: slide.height, ...(mpp !== undefined && { mpp }) };
  await writeCellsTable(path(files.table), cells, classes);
  await writeFeatures(path(files.geojson), frame, cellFeatures(cells, classes, mpp));
  const data = new Float32Array(cells.length * 3);
  for (const [row, { x, y, class: of }] of cells.entries()) data.set([x, y, of], 3 * row);
  await writeNpy(path(files.points), { dtype: 'float32', shape: [cells.length, 3], data });
  const density = cellDensity(cells, classes.length, slide, mpp);
  await writeFileAtomic(path(files.density), densityTable(density, classes, mpp));
  for (const label of classes.keys())
    await encodeGrey16(path(densityFile(name, label)), densityMap(density, label, mpp));
  const tumour = tumourClasses(
    task,
    classes.map((each) => each.name),
  );
  const ofSlideTumour =
    tumour &&
    tumourShare(
      counts.map(({ count }) => count),
      tumour,
    );
  const ofRegions = drawn && cellsOfRegions(drawn.regions, cells, classes.length, frame, tumour);
  if (ofRegions)
    await writeFileAtomic(
      path(files.regions),
      regionsTable(
        ofRegions,
        classes.map((each) => each.name),
      ),
    );
  const overview = await overviewOf();
  const cautions = [
    ...modelCautions(model),
    ...stainCautions(task, overview),
    ...densityCautions(cells.length, tissueOf(tissue) * slide.width * slide.height, mpp),
  ];
  const scaleX = overview.width / slide.width;
  const scaleY = overview.height / slide.height;
  const marked = cells.map((cell) => ({ x: cell.x * scaleX, y: cell.y * scaleY, class: cell.class }));
  await drawCellsOverlay(
    overview,
    marked,
    classes,
    { entries: legendOf(counts, classes), cautions },
    path(files.overlay),
  );
  const { regions, ...always } = files;
  return {
    cells: cells.length,
    counts,
    ...(ofSlideTumour && { tumourProportion: ofSlideTumour }),
    ...(ofRegions && { ofRegions: ofRegions.map(({ remark: _noted, ...of }) => of) }),
    ...certaintyOf(cells),
    files: {
      ...always,
      ...(ofRegions && { regions }),
      ...Object.fromEntries(classes.map((_, label) => [`density${label}`, densityFile(name, label)])),
    },
    notes: [
      ...new Set([
        ...cautions,
        ...ofSlide,
        ...(mm2 === undefined
          ? []
          : [
              `Densities are per mm² of ${tissue === undefined ? 'the whole slide' : 'tissue'} (${mm2.toFixed(2)} mm²).`,
            ]),
        ...(ofSlideTumour ? [tumourNote(ofSlideTumour)] : []),
        ...(drawn?.notes ?? []),
        ...remarksOnRegions(ofRegions ?? []),
        ...(outside === 0 ? [] : [`${counted(outside, 'cell')} left out: found outside the tissue.`]),
      ]),
    ],
  };
}

function tissueOf(tissue: SeenSlide['tissue']): number {
  return tissue?.share ?? 1;
}

function tissueMm2(
  view: SeenSlide['view'],
  mask: NonNullable<SeenSlide['tissue']>['mask'] | undefined,
  mpp: number,
): number {
  const all = view.width * view.height;
  const blocks = mask?.data.reduce((sum, each) => sum + (each === 0 ? 0 : 1), 0);
  const pixels = mask === undefined || blocks === undefined ? all : Math.min(all, blocks * mask.block * mask.block);
  return (pixels * mpp * mpp) / 1e6;
}

function countByClass(
  cells: readonly FoundCell[],
  classes: CellsJob['classes'],
  mm2: number | undefined,
): ClassCount[] {
  const counts = new Float64Array(classes.length);
  for (const cell of cells) counts[cell.class] = (counts[cell.class] ?? 0) + 1;
  return classes.map(({ name }, value) => {
    const count = counts[value] ?? 0;
    return { value, name, count, ...(mm2 !== undefined && { perMm2: count / mm2 }) };
  });
}

function certaintyOf(cells: readonly FoundCell[]): { readonly medianScore?: number } {
  // Cells are sorted by detection score.
  const median = cells[Math.floor(cells.length / 2)];
  return median === undefined ? {} : { medianScore: Math.round(median.score * 1e4) / 1e4 };
}

function tumourNote({ positive, negative, percent }: NonNullable<RegionCells['tumour']>): string {
  const score =
    percent === null ? 'No tumour cell was found' : `Tumour proportion of all detected cells: ${percent.toFixed(1)} %`;
  return `${score} (${positive} positive, ${negative} negative); for research only, not for diagnosis.`;
}

/** Formats the regions as CSV, one line per region. */
function regionsTable(regions: readonly RegionCells[], names: readonly string[]): string {
  const hasTumour = regions.some(({ tumour }) => tumour !== undefined);
  const head = ['region', 'mm2', ...names.map(csvField), ...(hasTumour ? ['tumour_proportion_percent'] : [])];
  const rows = regions.map(({ name, mm2, counts, tumour }) => [
    csvField(name),
    mm2 ?? '',
    ...counts,
    ...(hasTumour ? [tumour?.percent ?? ''] : []),
  ]);
  return `${[head, ...rows].map((cells) => cells.join(',')).join('\n')}\n`;
}
