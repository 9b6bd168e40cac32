import type { TiledRoi } from '../sliding-window/tiled-roi.ts';

/** Tiles times folds of the tile rows before `row`. */
export function passesBefore({ tiles }: Pick<TiledRoi, 'tiles'>, row: number, folds: number): number {
  return folds * tiles.slice(0, row).reduce((count, columns) => count + columns.length, 0);
}

/** What tile row `row` leaves for the next one: sums over all folds. */
export function carryFile(row: number): string {
  return `carry-${row}`;
}
