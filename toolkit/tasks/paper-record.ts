import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { CELL_TASKS } from '../../config/tasks.ts';
import { Receipts } from '../cache/receipts.ts';
import { countBoxes } from '../dataset/count-boxes.ts';
import { overviewFileIn } from '../dataset/find-files.ts';
import { folderOf, OVERVIEW_FILE } from '../dataset/layout.ts';
import { sha256Of } from '../files/hash-file.ts';
import { inside } from '../files/inside.ts';
import type { CountedCoco, PublishedDigest } from '../verdict/discrepancies/paper-entries.ts';
import { definitionOf } from './registry.ts';
import type { TaskWork } from './work.ts';

/**
 * SHA-256 values that torch-em publishes for files of the first version of the paper's record.
 *
 * @see torch_em/data/datasets/histopathology/ignite.py of https://github.com/constantinpape/torch-em
 */
export const PUBLISHED_DIGESTS = {
  record: '15674785',
  sha256: {
    'annotations.zip': 'b333fab032735de87563c5510de38fc5e2dccc0903a787f7b2b9bd249e66713b',
    'images.zip': '12389313f7f05a6dfb1a15b4aa94a8b16ec4a61a9daf2e86ca6e0a19db2b7628',
    [OVERVIEW_FILE]: 'fa693185d602b9fa91b5556fb622c82c1761759829d593923537f2e774cf8def',
  },
} as const;

/** Counts images and boxes of all COCO files of the detection tasks, by folder of the task. */
export async function countCocoFiles({ data, signal }: TaskWork): Promise<ReadonlyMap<string, readonly CountedCoco[]>> {
  const counted = new Map<string, CountedCoco[]>();
  for (const task of CELL_TASKS) {
    const folder = folderOf('annotations', task);
    const names = await readdir(inside(data, folder)).catch(() => []);
    const files: CountedCoco[] = [];
    for (const name of names.filter((each) => each.endsWith('.json')).sort()) {
      const path = `${folder}/${name}`;
      files.push({ path, ...(await countBoxes(inside(data, path), { signal })) });
    }
    counted.set(definitionOf(task).folder, files);
  }
  return counted;
}

/** Pairs the published digests with those of the fetched files. */
export async function comparedDigests({ data, home }: Pick<TaskWork, 'data' | 'home'>): Promise<PublishedDigest[]> {
  const { files } = await new Receipts(home.receipts).manifest(data);
  const fetched = new Map(files.map(({ key, sha256 }) => [key, sha256]));
  const overview = await readFile(await overviewFileIn(data)).catch(() => undefined);
  return Object.entries(PUBLISHED_DIGESTS.sha256).map(([key, published]) => {
    if (key !== OVERVIEW_FILE || overview === undefined) return { key, published, sha256: fetched.get(key) };
    const sha256 = sha256Of(overview);
    return { key, published, sha256, packed: sha256 === published ? undefined : packedAs(overview, published) };
  });
}

/** Finds the gzip level at which the compressed file has a digest, since servers may publish that of the encoded file. */
function packedAs(content: Buffer, digest: string): string | undefined {
  for (let level = 1; level <= 9; level++) {
    if (sha256Of(gzipSync(content, { level })) === digest) return `gzip-encoded at level ${level}`;
  }
  return undefined;
}
