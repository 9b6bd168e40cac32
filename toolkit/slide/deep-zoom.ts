import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mapConcurrent } from '../concurrency.ts';
import { replaceFile } from '../files/atomic-write.ts';
import { makeFolder } from '../files/folders.ts';

/** Side of a tile, px. */
export const ZOOM_TILE = 512;
/** Tiles that are encoded concurrently. */
const AT_ONCE = 4;
/** Tiles that are encoded to estimate the size of the layer. */
const SAMPLES = 32;
/** Fractional parts of its multiples are evenly spread, which chooses the sampled tiles. */
const GOLDEN = 0.618_033_988_75;

/** A tile, and the part of the level that it covers. */
export interface ZoomTile {
  readonly level: number;
  readonly column: number;
  readonly row: number;
  /** px of the level */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A multi-level image whose tiles are encoded on demand. */
export interface ZoomLayer {
  /** File extension of the tiles. */
  readonly format: 'jpg' | 'png';
  /** The largest first. */
  readonly levels: readonly PictureSize[];
  /** Encodes a tile; undefined if it is empty. The tiles of the next larger level have been written by then. */
  encode(tile: ZoomTile): Promise<Uint8Array | undefined>;
}

/** Result of writing a layer. */
export interface WrittenZoom {
  /** Per level, the largest first: one bit per tile, row by row, 1 if the tile exists; base64, low bits first. */
  readonly present: readonly string[];
  /** Number of tiles that were newly written. */
  readonly made: number;
}

interface WriteOptions {
  readonly signal?: AbortSignal;
  /** Called after every tile. */
  readonly onTile?: () => void;
}

/** Lists all tiles of a layer: the largest level first, row by row. */
export function zoomTiles({ levels }: Pick<ZoomLayer, 'levels'>): readonly ZoomTile[] {
  return levels.flatMap((size, level) => tilesOfLevel(size, level));
}

/** Returns the path of a tile in the folder of its layer. Level 0 is the smallest, as in Deep Zoom. */
export function zoomTilePath({ levels, format }: ZoomLayer, { level, column, row }: Omit<ZoomTile, 'left'>): string {
  return join(String(levels.length - 1 - level), `${column}_${row}.${format}`);
}

/** Estimates the size of all tiles of a layer in bytes from a sample of tiles of the largest level. */
export async function expectedBytes(layer: ZoomLayer, signal?: AbortSignal): Promise<number> {
  const [base] = layer.levels;
  if (base === undefined) return 0;
  const tiles = tilesOfLevel(base, 0);
  const places = Array.from({ length: SAMPLES }, (_, k) => Math.floor((((k + 0.5) * GOLDEN) % 1) * tiles.length));
  const sampled = [...new Set(places)].flatMap((at) => tiles[at] ?? []);
  const bytes = await mapConcurrent(sampled, AT_ONCE, signal, async (tile) => (await layer.encode(tile))?.length ?? 0);
  const pixels = sampled.reduce((sum, { width, height }) => sum + width * height, 0);
  const all = layer.levels.reduce((sum, { width, height }) => sum + width * height, 0);
  return Math.ceil((bytes.reduce((sum, each) => sum + each, 0) / pixels) * all);
}

/**
 * Writes the missing tiles of a layer. After an interruption, the next call writes the rest.
 *
 * @param folder - Folder of this layer only.
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE; what the layer throws; the signal's reason.
 */
export async function writeDeepZoom(
  folder: string,
  layer: ZoomLayer,
  { signal, onTile }: WriteOptions = {},
): Promise<WrittenZoom> {
  const present: string[] = [];
  let made = 0;
  for (const [level, size] of layer.levels.entries()) {
    const tiles = tilesOfLevel(size, level);
    const known = await namesIn(join(folder, String(layer.levels.length - 1 - level)));
    const bits = Buffer.alloc(Math.ceil(tiles.length / 8));
    await mapConcurrent([...tiles.entries()], AT_ONCE, signal, async ([index, tile]) => {
      const name = zoomTilePath(layer, tile);
      const exists = known.has(name.slice(name.lastIndexOf('/') + 1)) && (await isWhole(join(folder, name)));
      const bytes = exists ? undefined : await layer.encode(tile);
      if (bytes !== undefined) {
        made++;
        await replaceFile(join(folder, name), (temporary) => writeFile(temporary, bytes, { flag: 'wx' }));
      }
      if (exists || bytes !== undefined) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
      onTile?.();
    });
    present.push(bits.toString('base64'));
  }
  return { present, made };
}

function tilesOfLevel({ width, height }: PictureSize, level: number): readonly ZoomTile[] {
  const [across, down] = [Math.ceil(width / ZOOM_TILE), Math.ceil(height / ZOOM_TILE)];
  return Array.from({ length: across * down }, (_, at) => {
    const [column, row] = [at % across, Math.floor(at / across)];
    const [left, top] = [column * ZOOM_TILE, row * ZOOM_TILE];
    const size = { width: Math.min(ZOOM_TILE, width - left), height: Math.min(ZOOM_TILE, height - top) };
    return { level, column, row, left, top, ...size };
  });
}

async function namesIn(folder: string): Promise<ReadonlySet<string>> {
  await makeFolder(folder);
  return new Set(await readdir(folder));
}

/** Returns whether a file is not empty. A power cut may leave an empty one. */
async function isWhole(path: string): Promise<boolean> {
  return (await stat(path)).size > 0;
}

/** Width and height in px. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

const MAX_LEVELS = 32;

/**
 * Computes the sizes of the levels of a pyramid, the largest first. Each level has half the size of the one before,
 * rounded up; the last is the first whose sides are at most `smallest` px.
 *
 * @param most - Maximum number of levels.
 */
export function pyramidSizes(
  { width, height }: PictureSize,
  smallest: number,
  most = MAX_LEVELS,
): readonly PictureSize[] {
  const sizes = [{ width, height }];
  for (let last = sizes[0]; last !== undefined && sizes.length < most; last = sizes.at(-1)) {
    if (Math.max(last.width, last.height) <= smallest) break;
    sizes.push({ width: Math.ceil(last.width / 2), height: Math.ceil(last.height / 2) });
  }
  return sizes;
}
