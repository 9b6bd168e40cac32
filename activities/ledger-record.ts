import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Context } from '@temporalio/activity';
import type { FileDigests } from '../toolkit/cache/file-digests.ts';
import type { OverviewRow } from '../toolkit/dataset/overview.ts';
import { resolveInData } from '../toolkit/dataset/resolve-path.ts';
import { inLanes } from '../toolkit/files/in-lanes.ts';
import { inside } from '../toolkit/files/inside.ts';
import { imageSize } from '../toolkit/image/open-image.ts';
import type { HashedImage, RowFiles } from '../toolkit/verdict/ledger/record-entries.ts';

/** Rows looked at side by side: most of the time goes to opening images for their size. */
const LANES = 8;

/** What of every row of the overview is on disk. */
export async function rowsWithFiles(data: string, rows: readonly OverviewRow[]): Promise<RowFiles[]> {
  return inLanes(rows, LANES, Context.current().cancellationSignal, (row) => rowWithFiles(data, row));
}

async function rowWithFiles(data: string, row: OverviewRow): Promise<RowFiles> {
  const named = [row.imagePath, row.annotationPath].filter((path) => path !== '');
  const derived = row.task === 'he_tissue_segmentation' && row.split === 'test' ? named.map(withContext) : [];
  const paths = [...named, ...derived].map((path) => pathOf(path));
  const image = pathOf(row.imagePath);
  const size = image === undefined ? undefined : await imageSize(inside(data, image)).catch(() => undefined);
  const isThere = (path: string) => (path === image && size !== undefined) || existsSync(inside(data, path));
  const missing = paths.filter((path) => path === undefined || !isThere(path));
  return { row, missing: missing.map((path) => path ?? 'a path that leads nowhere'), size };
}

/** Digests of all images of the record, those of no row included. */
export async function hashImages(
  data: string,
  digests: FileDigests,
  onProgress: (done: number, of: number) => void,
): Promise<HashedImage[]> {
  const entries = await readdir(join(data, 'images'), { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hashed: HashedImage[] = [];
  for (const path of paths) {
    onProgress(hashed.length, paths.length);
    const sha256 = await digests.sha256(path, Context.current().cancellationSignal);
    hashed.push({ path: relative(data, path).split(sep).join('/'), sha256 });
  }
  await digests.save();
  return hashed;
}

function withContext(path: string): string {
  return path.replaceAll('.png', '_with_context.png');
}

function pathOf(path: string): string | undefined {
  try {
    return resolveInData(path);
  } catch {
    return undefined;
  }
}
