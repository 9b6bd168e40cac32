import { ReigniteError } from '../../errors.ts';
import { areAsStored } from '../../image/image-header.ts';
import { turnIntoLuma } from '../../image/pixels.ts';
import { isCropped, type ModelMethod, maskedChannels } from '../../nnunet/model-card.ts';
import type { FoldNetworks } from '../../nnunet/networks/ort-fold-networks.ts';
import { type Size, startOfRow, type TileGrid, tileGrid } from '../../nnunet/sliding-window/tile-grid.ts';
import {
  fillTileInput,
  needsHistogram,
  type PassBuffers,
  type PixelValues,
  passBuffers,
  pixelTables,
} from '../../nnunet/sliding-window/tile-input.ts';
import { asGrey, type PixelBox } from '../../nnunet/sliding-window/tiled-roi.ts';
import type { SlideView, ViewChoice } from '../read/slide-view.ts';
import { TissueCounts, type TissueMask } from '../slide-tissue.ts';

/** A slide divided into the tiles of a model. */
export interface TiledSlide {
  readonly view: Pick<SlideView, 'read' | 'width' | 'height'> & { readonly slide: { readonly path: string } };
  /** Covers the part that is predicted. */
  readonly grid: TileGrid;
  /** Normalised input values of the 256 byte values. */
  readonly values: PixelValues;
  /** Size of the whole image, px. */
  readonly whole: Size;
  /** The predicted part of the image, px. */
  readonly part: PixelBox;
  /** If given, only pixels of the tissue get a label. */
  readonly tissue?: TissueMask;
  /** Indices of the tile columns to compute, one list per tile row. */
  readonly tiles: readonly (readonly number[])[];
}

/** Rows that are read at once for the histogram of the whole image. */
const ROWS_AT_ONCE = 512;

/** Where the tiles of a model are on a slide. */
export type SlideGrid = Pick<TiledSlide, 'grid' | 'part' | 'tiles'>;

/**
 * Finds where the tiles of a model are on a slide, and which are computed. Reads pixels only to find black borders, for
 * models that crop them (nnU-Net v2, and v1 with schemes).
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED for a model with two or four channels; IMAGE_UNREADABLE.
 */
export async function slideGrid(
  view: SlideView,
  { patch, method }: Pick<FoldNetworks, 'patch' | 'method'>,
  tissue: TissueMask | undefined,
): Promise<SlideGrid> {
  refuseOtherChannels(method);
  const part = isCropped(method)
    ? await nonBlackBox(view)
    : { top: 0, bottom: view.height, left: 0, right: view.width };
  const size = { width: part.right - part.left, height: part.bottom - part.top };
  const grid = tileGrid(size, patch, undefined, method.window);
  return { grid, part, tiles: slideTiles(grid, part, tissue) };
}

/** Refuses models with other channels, because slides are read as RGB. */
function refuseOtherChannels({ normalisation }: ModelMethod): void {
  if (!areAsStored(normalisation.length)) return;
  throw new ReigniteError(
    'CHECKPOINT_UNSUPPORTED',
    `The model needs images of ${normalisation.length} channels, and slides are read as RGB.`,
    { remedy: 'Export regions of the slide with all channels as TIFF and predict these.' },
  );
}

/**
 * Lays the tiles of a model over a slide. Their pixels are read later, on demand.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED for a model that needs the whole image at once; IMAGE_UNREADABLE.
 */
export async function tiledSlide(
  view: SlideView,
  { patch, method }: Pick<FoldNetworks, 'patch' | 'method'>,
  tissue: TissueMask | undefined,
): Promise<TiledSlide> {
  if (maskedChannels(method.normalisation).includes(true)) {
    throw new ReigniteError(
      'CHECKPOINT_UNSUPPORTED',
      'The model normalises within the non-zero region of the image (use_mask_for_norm), which is not supported for slides.',
      {
        remedy: 'Export regions of the slide as PNG and predict these.',
      },
    );
  }
  const whole = { height: view.height, width: view.width };
  const { grid, part, tiles } = await slideGrid(view, { patch, method }, tissue);
  const counted = method.normalisation.some(needsHistogram);
  const counts = counted ? await countValues(view, part, method) : undefined;
  const tables = pixelTables(method.normalisation, (channel) => counts?.[channel] ?? new Float64Array(256));
  const values = { tables, channels: 3 };
  return { view, grid, values, whole, part, ...(tissue && { tissue }), tiles };
}

/** How often each value occurs in the part, one list per channel. */
async function countValues(
  view: SlideView,
  { top, bottom, left, right }: PixelBox,
  { takesLuma }: ModelMethod,
): Promise<readonly Float64Array[]> {
  const counts = [0, 1, 2].map(() => new Float64Array(256));
  for (let y = top; y < bottom; y += ROWS_AT_ONCE) {
    const rgb = await view.read(left, y, right - left, Math.min(ROWS_AT_ONCE, bottom - y));
    if (takesLuma === true) turnIntoLuma(rgb);
    for (const [channel, of] of counts.entries()) {
      for (let at = channel; at < rgb.length; at += 3) {
        const value = rgb[at] ?? 0;
        of[value] = (of[value] ?? 0) + 1;
      }
    }
  }
  return counts;
}

/** Width of the stripes that are read from each side, px. */
const STRIPE = 256;

/**
 * Finds the bounding box of the non-black pixels of a slide by reading stripes from its four sides. A slide without a
 * black border needs only four stripes. Returns the whole slide if every pixel is black.
 *
 * @see `nonZeroBox`, which returns the same for an image in memory.
 */
async function nonBlackBox(view: Pick<SlideView, 'read' | 'width' | 'height'>): Promise<PixelBox> {
  const { width, height } = view;
  const row = (y: number, count: number) => view.read(0, y, width, count);
  const top = await firstLine(height, async (at, count) => linesOf(await row(at, count), width, count));
  if (top === undefined) return { top: 0, bottom: height, left: 0, right: width };
  const up = async (at: number, count: number) =>
    linesOf(await row(height - at - count, count), width, count).reverse();
  const bottom = height - ((await firstLine(height, up)) ?? 0);
  const inner = bottom - top;
  const column = async (x: number, count: number) => columnsOf(await view.read(x, top, count, inner), count);
  const left = (await firstLine(width, column)) ?? 0;
  const back = async (at: number, count: number) => (await column(width - at - count, count)).reverse();
  return { top, bottom, left, right: width - ((await firstLine(width, back)) ?? 0) };
}

/** Finds the first of `length` lines that is not black, stripe by stripe. */
async function firstLine(
  length: number,
  read: (at: number, count: number) => Promise<readonly boolean[]>,
): Promise<number | undefined> {
  for (let at = 0; at < length; at += STRIPE) {
    const found = (await read(at, Math.min(STRIPE, length - at))).indexOf(true);
    if (found >= 0) return at + found;
  }
  return undefined;
}

/** Returns for each row whether it contains a non-black pixel. */
function linesOf(rgb: Uint8Array, width: number, count: number): boolean[] {
  return Array.from({ length: count }, (_, y) =>
    rgb.subarray(3 * y * width, 3 * (y + 1) * width).some((value) => value !== 0),
  );
}

/** Returns for each column whether it contains a non-black pixel. */
function columnsOf(rgb: Uint8Array, count: number): boolean[] {
  const lines: boolean[] = Array(count).fill(false);
  for (let at = 0; at < rgb.length; at++) if (rgb[at] !== 0) lines[Math.floor(at / 3) % count] = true;
  return lines;
}

/** One tile with one fold. */
interface TilePass {
  readonly row: number;
  readonly column: number;
  readonly fold: number;
}

/** Passes started in advance: one runs on the network while the next one is read. */
const AHEAD = 2;

/** Reads and predicts tiles in advance, in order, so that the network never waits for input. */
export class TileAhead {
  readonly #slide: TiledSlide;
  readonly #networks: FoldNetworks;
  readonly #passes: Iterator<TilePass, unknown>;
  readonly #spare: PassBuffers[];
  readonly #running: Promise<PassBuffers>[] = [];
  /** Settles when the latest pass has been handed to the network. */
  #given: Promise<unknown> = Promise.resolve();

  constructor(slide: TiledSlide, networks: FoldNetworks, passes: Iterator<TilePass, unknown>) {
    this.#slide = slide;
    this.#networks = networks;
    this.#passes = passes;
    this.#spare = Array.from({ length: AHEAD }, () => passBuffers(networks));
  }

  /** Returns the buffers of the next tile. Return them with `giveBack` after reading the output. */
  async next(): Promise<PassBuffers> {
    this.#begin();
    const buffers = await this.#running.shift();
    if (buffers === undefined) throw new RangeError('Expected a pass for every tile');
    return buffers;
  }

  giveBack(buffers: PassBuffers): void {
    this.#spare.push(buffers);
  }

  /** Waits for the passes that have started. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  #begin(): void {
    for (let buffers = this.#spare.pop(); buffers !== undefined; buffers = this.#spare.pop()) {
      const next = this.#passes.next();
      if (next.done === true) {
        this.#spare.push(buffers);
        return;
      }
      const pass = this.#predict(next.value, buffers);
      // Avoids an unhandled rejection; `next` awaits the pass and throws the error.
      pass.catch(() => undefined);
      this.#running.push(pass);
    }
  }

  async #predict(pass: TilePass, buffers: PassBuffers): Promise<PassBuffers> {
    const before = this.#given;
    const filled = this.#fill(pass, buffers.input);
    // Passes must reach the network in order, even if a later tile is read faster.
    const given = Promise.allSettled([before, filled]);
    this.#given = given;
    await given;
    await filled;
    await this.#networks.run(pass.fold, buffers.input, buffers.output);
    return buffers;
  }

  async #fill({ row, column }: TilePass, input: Float32Array): Promise<void> {
    const { grid, part, view, values } = this.#slide;
    const { patch, offset } = grid;
    const image = { height: Math.min(patch.height, grid.image.height), width: Math.min(patch.width, grid.image.width) };
    const top = Math.max(0, startOfRow(grid, row) - offset.y);
    const left = Math.max(0, (grid.columns[column] ?? 0) - offset.x);
    const rgb = await view.read(part.left + left, part.top + top, image.width, image.height);
    if (values.tables.length === 1) asGrey(rgb, this.#networks.method, { path: view.slide.path, kind: 'slides' });
    fillTileInput(rgb, values, { ...grid, image }, 0, 0, input);
  }
}

/**
 * Finds the tiles of a slide that must be computed: all that touch tissue. Every pixel of tissue then gets the same result
 * as if the whole slide were computed.
 *
 * @param part - The part of the image that the grid covers, px.
 * @param tissue - Default: every tile is computed.
 * @returns Indices of tile columns in increasing order, one list per tile row.
 */
export function slideTiles(
  grid: TileGrid,
  part: PixelBox,
  tissue: TissueMask | undefined,
): readonly (readonly number[])[] {
  const all = grid.columns.map((_, column) => column);
  if (tissue === undefined) return grid.rows.map(() => all);
  const counts = new TissueCounts(tissue);
  const toX = (x: number) => part.left + x - grid.offset.x;
  const toY = (y: number) => part.top + y - grid.offset.y;
  return grid.rows.map((top) =>
    all.filter((column) => {
      const left = grid.columns[column] ?? 0;
      return counts.touches(toX(left), toY(top), toX(left + grid.patch.width), toY(top + grid.patch.height));
    }),
  );
}

/** A strip: the tile rows from `first` to `end` (excluded) that one worker predicts. */
export interface StripRows {
  readonly first: number;
  readonly end: number;
}

/** What every job on a slide, or on a strip of one, names. All paths are on this machine. */
export interface OnSlide {
  readonly slide: string;
  readonly slideSha256: string;
  readonly choice: ViewChoice;
  /** µm per px that the model expects. */
  readonly target: number;
  /** Default: all tile rows. */
  readonly rows?: StripRows;
  /** Folder for partial results, from which a killed job resumes. Not shared with other jobs; removed at the end. */
  readonly partialDir: string;
}

/** Returns the first tile row whose tiles reach into the rows that tile row `row` finishes. */
export function firstRowReaching(grid: TileGrid, row: number): number {
  const from = startOfRow(grid, row);
  let first = row;
  while (first > 0 && startOfRow(grid, first - 1) + grid.patch.height > from) first--;
  return first;
}
