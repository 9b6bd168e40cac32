import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mapConcurrent } from '../../concurrency.ts';
import { replaceFile } from '../../files/atomic-write.ts';
import { makeFolder } from '../../files/make-folder.ts';
import type { PictureSize } from './pyramid-sizes.ts';

/** px; side of a tile. */
export const ZOOM_TILE = 512;
/** Tiles that are made at the same time. */
const AT_ONCE = 4;
/** Tiles whose size is measured before anything is written. */
const SAMPLES = 32;
/** Positions that are spread evenly, whatever their number: the fractions of multiples of the golden ratio. */
const GOLDEN = 0.618_033_988_75;

/** A tile of a level, and the part of the level that it shows. */
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

/** An image in levels, whose tiles are made one by one. */
export interface ZoomLayer {
  /** Ending of its files. */
  readonly format: 'jpg' | 'png';
  /** The largest first. */
  readonly levels: readonly PictureSize[];
  /** The file of a tile; undefined where there is nothing to see. Tiles of the level before are written. */
  encode(tile: ZoomTile): Promise<Uint8Array | undefined>;
}

/** What is written of a layer. */
export interface WrittenZoom {
  /** Of every level, the largest first: a bit per tile, row by row, 1 where there is one; base64, low bits first. */
  readonly present: readonly string[];
  /** Tiles that were not there yet. */
  readonly made: number;
}

interface WriteOptions {
  readonly signal?: AbortSignal;
  /** Called for every tile that is done. */
  readonly onTile?: () => void;
}

/** All tiles of a layer: the largest level first, row by row. */
export function zoomTiles({ levels }: Pick<ZoomLayer, 'levels'>): readonly ZoomTile[] {
  return levels.flatMap((size, level) => tilesOfLevel(size, level));
}

/** Path of a tile below the folder of its layer; levels count from the smallest, as in Deep Zoom. */
export function zoomTilePath({ levels, format }: ZoomLayer, { level, column, row }: Omit<ZoomTile, 'left'>): string {
  return join(String(levels.length - 1 - level), `${column}_${row}.${format}`);
}

/** About how many bytes all tiles of a layer take, by some of its largest level. */
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
 * Writes the tiles of a layer that are not there yet. Killed anywhere, the next call writes the rest.
 *
 * @param folder - Of this layer alone.
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
      const isThere = known.has(name.slice(name.lastIndexOf('/') + 1)) && (await isWhole(join(folder, name)));
      const bytes = isThere ? undefined : await layer.encode(tile);
      if (bytes !== undefined) {
        made++;
        await replaceFile(join(folder, name), (temporary) => writeFile(temporary, bytes, { flag: 'wx' }));
      }
      if (isThere || bytes !== undefined) bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
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

/** A power cut may leave a file without bytes. */
async function isWhole(path: string): Promise<boolean> {
  return (await stat(path)).size > 0;
}
