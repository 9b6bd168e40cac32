import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Context } from '@temporalio/activity';
import { resolveInData } from '../toolkit/dataset/resolve-path.js';
import { inLanes } from '../toolkit/files/in-lanes.js';
import { inside } from '../toolkit/files/inside.js';
import { imageSize } from '../toolkit/image/open-image.js';
/** Rows looked at side by side: most of the time goes to opening images for their size. */
const LANES = 8;
/** What of every row of the overview is on disk. */
export async function rowsWithFiles(data, rows) {
    return inLanes(rows, LANES, Context.current().cancellationSignal, (row) => rowWithFiles(data, row));
}
async function rowWithFiles(data, row) {
    const named = [row.imagePath, row.annotationPath].filter((path) => path !== '');
    const derived = row.task === 'he_tissue_segmentation' && row.split === 'test' ? named.map(withContext) : [];
    const paths = [...named, ...derived].map((path) => pathOf(path));
    const image = pathOf(row.imagePath);
    const size = image === undefined ? undefined : await imageSize(inside(data, image)).catch(() => undefined);
    const isThere = (path) => (path === image && size !== undefined) || existsSync(inside(data, path));
    const missing = paths.filter((path) => path === undefined || !isThere(path));
    return { row, missing: missing.map((path) => path ?? 'a path that leads nowhere'), size };
}
/** Digests of all images of the record, those of no row included. */
export async function hashImages(data, digests, onProgress) {
    const entries = await readdir(join(data, 'images'), { recursive: true, withFileTypes: true }).catch(() => []);
    const paths = entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort();
    const hashed = [];
    for (const path of paths) {
        onProgress(hashed.length, paths.length);
        const sha256 = await digests.sha256(path, Context.current().cancellationSignal);
        hashed.push({ path: relative(data, path).split(sep).join('/'), sha256 });
    }
    await digests.save();
    return hashed;
}
function withContext(path) {
    return path.replaceAll('.png', '_with_context.png');
}
function pathOf(path) {
    try {
        return resolveInData(path);
    }
    catch {
        return undefined;
    }
}
