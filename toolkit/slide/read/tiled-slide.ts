import { ReigniteError } from '../../errors.ts';
import type { FoldNetworks } from '../../nnunet/networks/open-networks.ts';
import type { PixelBox } from '../../nnunet/sliding-window/non-zero-box.ts';
import { type Size, type TileGrid, tileGrid } from '../../nnunet/sliding-window/tile-grid.ts';
import { needsHistogram, type PixelValues, pixelTables } from '../../nnunet/sliding-window/tile-input.ts';
import { nonBlackBox } from '../predict/non-black-box.ts';
import type { TissueMask } from '../tissue/tissue-mask.ts';
import { slideTiles } from './slide-tiles.ts';
import type { SlideView } from './slide-view.ts';

/** A slide with the tiles of a model. */
export interface TiledSlide {
  readonly view: Pick<SlideView, 'read' | 'width' | 'height'> & { readonly slide: { readonly path: string } };
  /** Over the part that is predicted. */
  readonly grid: TileGrid;
  /** What the networks see in place of bytes. */
  readonly values: PixelValues;
  /** The picture as a whole, px. */
  readonly whole: Size;
  /** Place of the part in it. */
  readonly part: PixelBox;
  /** Where given, only its pixels get a label. */
  readonly tissue?: TissueMask;
  /** Numbers of tile columns, one list per tile row. */
  readonly tiles: readonly (readonly number[])[];
}

/** Rows that are read at once where the whole picture is counted. */
const ROWS_AT_ONCE = 512;

/** Where the tiles of a model are on a slide. */
export type SlideGrid = Pick<TiledSlide, 'grid' | 'part' | 'tiles'>;

/**
 * Finds where the tiles of a model are on a slide, and which are computed. Of the pixels only black borders are looked at,
 * for models that leave them out.
 *
 * @throws ReigniteError IMAGE_UNREADABLE.
 */
export async function slideGrid(
  view: SlideView,
  { patch, method }: Pick<FoldNetworks, 'patch' | 'method'>,
  tissue: TissueMask | undefined,
): Promise<SlideGrid> {
  const isCropped = method.window === 'v2';
  const part = isCropped ? await nonBlackBox(view) : { top: 0, bottom: view.height, left: 0, right: view.width };
  const size = { width: part.right - part.left, height: part.bottom - part.top };
  const grid = tileGrid(size, patch, undefined, method.window);
  return { grid, part, tiles: slideTiles(grid, part, tissue) };
}

/**
 * Lays the tiles of a model over a slide. The pixels are read when their turn comes.
 *
 * @throws ReigniteError CHECKPOINT_UNSUPPORTED for a model that must see the whole picture at once; IMAGE_UNREADABLE.
 */
export async function tiledSlide(
  view: SlideView,
  { patch, method }: Pick<FoldNetworks, 'patch' | 'method'>,
  tissue: TissueMask | undefined,
): Promise<TiledSlide> {
  if (method.normalisation.some((each) => each.scheme === 'ZScore' && each.masked)) {
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
  const counts = counted ? await countValues(view, part) : undefined;
  const values = { tables: pixelTables(method.normalisation, (channel) => counts?.[channel] ?? new Float64Array(256)) };
  return { view, grid, values, whole, part, ...(tissue && { tissue }), tiles };
}

/** How often each value occurs in the part, one list per channel. */
async function countValues(view: SlideView, { top, bottom, left, right }: PixelBox): Promise<readonly Float64Array[]> {
  const counts = [0, 1, 2].map(() => new Float64Array(256));
  for (let y = top; y < bottom; y += ROWS_AT_ONCE) {
    const rgb = await view.read(left, y, right - left, Math.min(ROWS_AT_ONCE, bottom - y));
    for (const [channel, of] of counts.entries()) {
      for (let at = channel; at < rgb.length; at += 3) {
        const value = rgb[at] ?? 0;
        of[value] = (of[value] ?? 0) + 1;
      }
    }
  }
  return counts;
}
