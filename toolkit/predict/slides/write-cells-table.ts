import { open } from 'node:fs/promises';
import { replaceFile } from '../../files/atomic-write.ts';
import type { Classification } from '../../geojson/feature-file.ts';
import { TextFile } from '../../geojson/feature-file.ts';
import { cellsTable, type FoundCell } from '../found-cell.ts';

const CELLS_AT_ONCE = 256;

/**
 * Writes the table of `cellsTable` in parts, because that of a million cells would be too long for one string.
 *
 * @throws ReigniteError NO_SPACE, NOT_WRITABLE.
 */
export async function writeCellsTable(
  path: string,
  cells: readonly FoundCell[],
  classes: readonly Classification[],
): Promise<void> {
  await replaceFile(path, async (temporary) => {
    const handle = await open(temporary, 'wx');
    try {
      const file = new TextFile(handle);
      const head = cellsTable([], classes);
      file.text(head);
      for (let at = 0; at < cells.length; at += CELLS_AT_ONCE) {
        const rows = cellsTable(cells.slice(at, at + CELLS_AT_ONCE), classes);
        file.text(rows.slice(head.length));
        await file.flush();
      }
      await file.flush();
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}
