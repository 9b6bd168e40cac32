import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { ReigniteError } from '../errors.ts';
import { temporaryPathBeside } from '../files/atomic-write.ts';
import { statIfThere } from '../files/if-there.ts';
import { makeFolder } from '../files/make-folder.ts';
import { encodeLabels } from '../image/encode-png.ts';
import { readPoints } from '../metrics/points-file.ts';
import { writeNpy } from '../numpy/npy.ts';
import { type CellsSources, drawCellsLayers } from '../report/layers/cells-layers.ts';
import { EDGES, type LayerWriter, type RoiLayers } from '../report/layers/layers-file.ts';
import { drawTissueLayers } from '../report/layers/tissue-layers.ts';
import { Slide } from '../slide/read/slide.ts';
import { slideOverview } from '../slide/tissue/block-means.ts';
import type { SideSlide } from './side.ts';
import { reducedMasks, withSlideMasks } from './slide-masks.ts';

/** A slide has more cells than an image, so that its layers may have this many times the bytes. */
const CELLS_SHARE = 6;

/** A slide whose layers are drawn. */
interface DrawnSlide {
  readonly slide: SideSlide;
  /** Absolute path of the slide, which may have been moved. */
  readonly image: string | undefined;
  /** Absolute paths of the masks, or of the points. */
  readonly published: string;
  readonly ours: string;
}

type Drawn = Pick<RoiLayers, 'width' | 'height' | 'classes' | 'spots'>;

/**
 * Writes the layers of two masks of a slide, reduced to the size of a page.
 *
 * @throws ReigniteError FILE_MISSING, FILE_DAMAGED for masks that cannot be read.
 */
export async function drawSlideTissue(
  { slide, image, published, ours }: DrawnSlide,
  limit: number,
  writer: LayerWriter,
): Promise<Drawn> {
  return inTemporaryFolder(writer, async (folder) => {
    const reduced = await withSlideMasks(published, ours, (masks) => reducedMasks(masks, EDGES[0]));
    if (typeof reduced === 'string') throw new ReigniteError('NOT_COMPARABLE', reduced);
    const { width, height, step } = reduced;
    const [a, b] = [join(folder, 'a.png'), join(folder, 'b.png')];
    await encodeLabels(a, { width, height, data: reduced.a });
    await encodeLabels(b, { width, height, data: reduced.b });
    if (step > 1)
      writer.notes.push(`A pixel shows ${step} x ${step} px of the masks, and differs if any of them does.`);
    const picture = await overviewOf(image, slide, { width, height }, join(folder, 'image.png'), writer);
    return drawTissueLayers({ image: picture, published: a, ours: b }, limit, writer);
  });
}

/**
 * Writes the layers of the cells of a slide, at the size of a page.
 *
 * @param of.maxDistance - Distance in px, of the image as the network saw it, above which cells of the same class
 * differ.
 * @throws ReigniteError FILE_MISSING, NPY_INVALID for points that cannot be read.
 */
export async function drawSlideCells(
  {
    task,
    slide,
    image,
    published,
    ours,
    maxDistance,
    classes,
  }: DrawnSlide & Pick<CellsSources, 'task' | 'maxDistance' | 'classes'>,
  limit: number,
  writer: LayerWriter,
): Promise<Drawn> {
  return inTemporaryFolder(writer, async (folder) => {
    const factor = Math.min(1, EDGES[0] / Math.max(slide.width, slide.height));
    const size = { width: Math.ceil(slide.width * factor), height: Math.ceil(slide.height * factor) };
    const path = join(folder, 'image.png');
    const picture = (await overviewOf(image, slide, size, path, writer)) ?? (await blank(size, path));
    const [a, b] = [join(folder, 'a.npy'), join(folder, 'b.npy')];
    await writeScaled({ task, classes }, published, factor, a);
    await writeScaled({ task, classes }, ours, factor, b);
    const within = (maxDistance * factor * slide.width) / slide.seen.width;
    const sources = { task, image: picture, published: a, ours: b, readers: [], maxDistance: within, classes };
    const drawn = await drawCellsLayers(sources, CELLS_SHARE * limit, writer);
    // If one of the layers is missing, a hotspot would look as if that side had no cells.
    const isWhole = writer.files.published !== undefined && writer.files.ours !== undefined;
    return isWhole ? drawn : { ...drawn, spots: [] };
  });
}

/**
 * Writes a small picture of a slide. If the slide is missing or cannot be read, returns the picture of the prediction,
 * or adds a note and returns undefined.
 */
async function overviewOf(
  image: string | undefined,
  { width, height, picture }: SideSlide,
  size: { readonly width: number; readonly height: number },
  path: string,
  writer: LayerWriter,
): Promise<string | undefined> {
  const slide = image === undefined ? undefined : await openIfThere(image);
  if (slide === undefined) {
    if (picture !== undefined && (await statIfThere(picture)) !== undefined) return picture;
    writer.notes.push('The layer "image" is missing: the slide is no longer at its path.');
    return undefined;
  }
  try {
    if (slide.width !== width || slide.height !== height) return picture;
    const overview = await slideOverview(slide);
    const raw = { width: overview.width, height: overview.height, channels: 3 as const };
    await sharp(overview.data, { raw })
      .resize({ ...size, fit: 'fill' })
      .png({ compressionLevel: 1 })
      .toFile(path);
    return path;
  } finally {
    await slide.close();
  }
}

async function openIfThere(image: string): Promise<Slide | undefined> {
  try {
    return await Slide.open(image);
  } catch (error) {
    if (error instanceof ReigniteError && !error.retryable) return undefined;
    throw error;
  }
}

async function blank(size: { readonly width: number; readonly height: number }, path: string): Promise<string> {
  await sharp({ create: { ...size, channels: 3, background: '#ffffff' } })
    .png()
    .toFile(path);
  return path;
}

async function writeScaled(
  { task, classes }: Pick<CellsSources, 'task' | 'classes'>,
  from: string,
  factor: number,
  to: string,
): Promise<void> {
  if ((await statIfThere(from)) === undefined) return;
  const points = await readPoints(from, task, classes);
  const data = Float32Array.from(points.flatMap(({ x, y, class: of }) => [x * factor, y * factor, of]));
  await writeNpy(to, { dtype: 'float32', shape: [points.length, 3], data });
}

/** Runs `work` with a temporary folder next to the layers. */
async function inTemporaryFolder<Result>(
  writer: LayerWriter,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = temporaryPathBeside(writer.folder);
  await makeFolder(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
