import type { TiledRoi } from '../sliding-window/tiled-roi.ts';

/** Counts the passes of the tile rows before `row`: tiles times folds. */
export function passesBefore({ tiles }: Pick<TiledRoi, 'tiles'>, row: number, folds: number): number {
  return folds * tiles.slice(0, row).reduce((count, columns) => count + columns.length, 0);
}

/** Returns the name of the file with the sums over all folds that tile row `row` carries over to the next one. */
export function carryFile(row: number): string {
  return `carry-${row}`;
}
